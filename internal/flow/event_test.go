package flow

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestLogLevelsFollowTheVerdict(t *testing.T) {
	t.Parallel()
	for verdict, level := range map[Verdict]string{Passed: "DEBUG", Refused: "WARN", Failed: "ERROR"} {
		var b bytes.Buffer
		l := Log{slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		l.Emit(t.Context(), Event{Flow: "f1", Kind: Callback, Step: "id token nonce", Verdict: verdict, Err: errors.New("boom")})
		for _, want := range []string{`"level":"` + level + `"`, `"flow_id":"f1"`, `"step":"id token nonce"`, `"error":"boom"`} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: %s is missing in %s", verdict, want, b.String())
			}
		}
	}
}

func TestLogCutsLongFieldsAndLeavesEmptyOnesOut(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	Log{slog.New(slog.NewJSONHandler(&b, nil))}.Emit(t.Context(),
		Event{Flow: "f1", Verdict: Refused, Found: strings.Repeat("x", 5000)})
	if b.Len() > 700 {
		t.Errorf("a line of %d bytes", b.Len())
	}
	if strings.Contains(b.String(), "clause") {
		t.Error("an empty field is logged")
	}
}
