package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// programFiles are the Go files of the program: what is built into the binary.
func programFiles(t *testing.T) []string {
	t.Helper()
	_, all := inventory(t, filepath.Join("..", ".."))
	var files []string
	for _, file := range all {
		path := strings.TrimPrefix(file, "../../")
		if (strings.HasPrefix(path, "internal/") || strings.HasPrefix(path, "cmd/")) && !strings.HasSuffix(path, "_test.go") {
			files = append(files, path)
		}
	}
	if len(files) < 100 {
		t.Fatalf("only %d files", len(files))
	}
	return files
}

// TestProgramImportsNothingWeak: randomness comes from crypto/rand alone, and
// no profile of the process is served.
func TestProgramImportsNothingWeak(t *testing.T) {
	t.Parallel()
	strong := false
	for _, file := range programFiles(t) {
		for target := range readFile(t, filepath.Join("..", "..", file)) {
			strong = strong || target == "crypto/rand"
			switch target {
			case "math/rand", "math/rand/v2", "net/http/pprof", "expvar", "crypto/md5", "crypto/rc4", "crypto/des":
				t.Errorf("%s imports %s", file, target)
			}
		}
	}
	if !strong {
		t.Error("crypto/rand is not imported either: are imports read?")
	}
}

var plainComparison = regexp.MustCompile(`\b(bytes\.Equal|bytes\.Compare|reflect\.DeepEqual|slices\.Equal)\(`)

// TestSecretsAreComparedInConstantTime: where MACs, nonces and secrets are at
// hand, whole values are compared in constant time. The places listed compare
// something else.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	others := map[string]string{
		"internal/session/load.go": "a sealed record with the copy that was opened before",
		"internal/oidc/json.go":    "the values of a member that a document has twice",

		"internal/plugins/openidconnect/certificate_header.go": "the names in the certificate of an authority",
	}
	found := map[string]bool{}
	constant := 0
	for _, file := range programFiles(t) {
		if !strings.HasPrefix(file, "internal/secret/") && !strings.HasPrefix(file, "internal/session/") && !strings.HasPrefix(file, "internal/oidc/") &&
			!strings.HasPrefix(file, "internal/plugins/openidconnect/") || strings.HasPrefix(file, "internal/session/storetest/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		constant += strings.Count(string(text), "hmac.Equal(") + strings.Count(string(text), "subtle.ConstantTimeCompare(")
		if plainComparison.Match(text) {
			found[file] = true
			if others[file] == "" {
				t.Errorf("%s compares without constant time", file)
			}
		}
	}
	for file := range others {
		if !found[file] {
			t.Errorf("%s is listed and compares nothing", file)
		}
	}
	if constant < 3 {
		t.Errorf("only %d comparisons in constant time", constant)
	}
}
