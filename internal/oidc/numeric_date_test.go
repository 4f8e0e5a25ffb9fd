package oidc

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestNumericDateRange(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "1700000000": 1700000000, "1.7e9": 1700000000, "2147483648": math.MaxInt32 + 1, "1.5": 1, "253402300799": maxSeconds,
	} {
		for _, v := range []any{json.Number(text), text} {
			if got, err := numericDate(v); err != nil || got.Unix() != want {
				t.Errorf("%q: %v, %v", text, got, err)
			}
		}
	}
	for _, v := range []any{
		nil, true, "", " 1", "1 ", "+Inf", "nan", "0x10", "1_000", "-1", "1e400", "253402300800", strings.Repeat("9", 40),
		[]any{},
		map[string]any{},
		"--1", "1e", "١",
	} {
		if got, err := numericDate(v); err == nil {
			t.Errorf("%v: accepted as %v", v, got)
		}
	}
}
