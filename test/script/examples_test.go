package script

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// examples are the declarative files that the repository shows.
func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "examples", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples found: %v", err)
	}
	return files
}

// TestExamplesAreValid: config validate accepts each of them, and refuses it
// with a typing error in it.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	for _, file := range examples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			if out, err := validate(t, file); err != nil || !strings.Contains(out, "valid, ") {
				t.Errorf("config validate %s: %v\n%s", file, err, out)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			broken := filepath.Join(t.TempDir(), filepath.Base(file))
			mistyped := strings.Replace(string(text), "auth_methods:", "auth_method:", 1)
			if err := os.WriteFile(broken, []byte(mistyped), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := validate(t, broken); err == nil || !strings.Contains(out, "auth_method: unknown field") {
				t.Errorf("config validate with a typing error: %v\n%s", err, out)
			}
		})
	}
}

func validate(t *testing.T, file string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(binaries, "sallyport"), "config", "validate", file).CombinedOutput()
	return string(out), err
}

// TestExamplesSuitDeck: decK refuses an openid-connect plugin whose
// cache_tokens_salt is missing or empty.
func TestExamplesSuitDeck(t *testing.T) {
	t.Parallel()
	for _, file := range examples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var doc any
			if err := yaml.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			plugins := pluginsIn(doc)
			if len(plugins) == 0 {
				t.Fatal("no plugin found")
			}
			for _, p := range plugins {
				config, _ := p["config"].(map[string]any)
				if salt, _ := config["cache_tokens_salt"].(string); p["name"] == "openid-connect" && salt == "" {
					t.Errorf("%s: config.cache_tokens_salt is missing", file)
				}
			}
		})
	}
}

// pluginsIn collects the plugins at every depth of a document.
func pluginsIn(v any) (found []map[string]any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			found = append(found, pluginsIn(e)...)
		}
	case map[string]any:
		for name, e := range v {
			list, _ := e.([]any)
			for _, p := range list {
				if plugin, ok := p.(map[string]any); ok && name == "plugins" {
					found = append(found, plugin)
				}
			}
			found = append(found, pluginsIn(e)...)
		}
	}
	return found
}
