package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "sallyport/"

// arrows is the whole graph: package → the packages of this module that it may
// import. A package that is not listed may import none, and may not exist. New
// arrows need a reason in docs/decisions.md.
var arrows = map[string][]string{
	"internal/secret":    {},
	"internal/message":   {},
	"internal/httperror": {},
	"internal/echo":      {},
	"internal/cache":     {},
	"internal/archtest":  {},

	"internal/acme":                 {},
	"internal/certificate":          {},
	"internal/certificate/certtest": {},
	"internal/revocation":           {"internal/cache"},

	"internal/flow":     {"internal/secret"},
	"internal/schema":   {"internal/secret"},
	"internal/entity":   {"internal/schema", "internal/secret", "internal/certificate"},
	"internal/store":    {"internal/entity", "internal/schema"},
	"internal/router":   {"internal/entity", "internal/message"},
	"internal/upstream": {"internal/entity", "internal/httperror", "internal/message"},

	"internal/session":             {"internal/secret"},
	"internal/redis":               {"internal/secret"},
	"internal/redis/redistest":     {},
	"internal/cache/rediscache":    {"internal/cache", "internal/redis"},
	"internal/session/redisstore":  {"internal/session", "internal/redis"},
	"internal/session/storetest":   {"internal/session"},
	"internal/oidc":                {"internal/secret"},
	"internal/practiceidp":         {},
	"internal/practiceidp/idptest": {"internal/practiceidp"},

	"internal/plugin": {"internal/entity", "internal/schema", "internal/httperror", "internal/flow", "internal/message"},
	"internal/plugins/openidconnect": {
		"internal/plugin", "internal/oidc", "internal/session", "internal/session/redisstore", "internal/entity",
		"internal/secret", "internal/httperror", "internal/flow", "internal/message", "internal/schema", "internal/cache",
		"internal/certificate", "internal/revocation", "internal/plugins/openidconnect/config",
	},
	"internal/plugins/openidconnect/config": {"internal/schema", "internal/secret", "internal/oidc", "internal/session"},

	"internal/plugins/keyauth": {"internal/plugin", "internal/schema", "internal/httperror"},
	"internal/plugins/acl":     {"internal/plugin", "internal/schema", "internal/httperror"},

	"internal/gateway": {
		"internal/router", "internal/upstream", "internal/plugin", "internal/entity", "internal/schema",
		"internal/httperror", "internal/message", "internal/certificate", "internal/secret",
	},
	"internal/admin":  {"internal/store", "internal/entity", "internal/schema", "internal/plugin", "internal/httperror"},
	"internal/server": {"internal/httperror", "internal/plugin", "internal/message"},

	"internal/telemetry": {"internal/flow", "internal/session"},

	"cmd/sallyport": {everything},
}

const everything = "*"

// testArrows are what every test may import: the practice IdP and the echo
// upstream stand in for the outside world, contract suites are made for tests.
// Besides, a test may name what its package reaches through others.
var testArrows = []string{"internal/practiceidp", "internal/practiceidp/idptest", "internal/echo", "internal/session/storetest", "internal/certificate/certtest", "internal/redis/redistest"}

// assembled are packages whose tests put the whole data plane together.
var assembled = []string{"internal/plugins/openidconnect"}

// foreign lists, for packages that promise it, the modules that they may
// import besides the standard library.
var foreign = map[string][]string{
	"internal/secret":      {},
	"internal/message":     {},
	"internal/httperror":   {},
	"internal/echo":        {},
	"internal/cache":       {},
	"internal/flow":        {},
	"internal/entity":      {},
	"internal/certificate": {},
	"internal/router":      {},
	"internal/plugin":      {},
	"internal/practiceidp": {"github.com/go-jose/go-jose/v4"},
	"internal/oidc":        {"github.com/go-jose/go-jose/v4", "github.com/go-json-experiment/json/jsontext", "golang.org/x/sync"},
	"internal/redis":       {"github.com/redis/rueidis"},
	"internal/telemetry":   {"github.com/prometheus/client_golang/prometheus"},
}

// imports is what one package imports, without and within its tests.
type imports struct{ program, tests map[string]bool }

func TestEveryImportIsAnArrow(t *testing.T) {
	t.Parallel()
	found := readPackages(t)
	if len(found) < 10 {
		t.Fatalf("found only %d packages", len(found))
	}
	for name, got := range found {
		allowed, listed := arrows[name]
		if !listed && strings.HasPrefix(name, "internal/") {
			t.Errorf("%s is not in the list of arrows", name)
			continue
		}
		if !listed || slices.Contains(allowed, everything) {
			continue // cmd, test, bench
		}
		for _, target := range slices.Sorted(maps.Keys(got.program)) {
			if own, ok := strings.CutPrefix(target, module); ok && !slices.Contains(allowed, own) {
				t.Errorf("%s must not import %s", name, own)
			}
		}
		reached := reach(name, map[string]bool{})
		for _, target := range slices.Sorted(maps.Keys(got.tests)) {
			own, ok := strings.CutPrefix(target, module)
			if ok && !reached[own] && !slices.Contains(testArrows, own) && !slices.Contains(assembled, name) {
				t.Errorf("the tests of %s must not import %s", name, own)
			}
		}
	}
	for name := range arrows {
		if _, exists := found[name]; !exists {
			t.Errorf("%s is in the list of arrows and does not exist", name)
		}
	}
}

// reach adds name and all that it imports, directly or not, to seen.
func reach(name string, seen map[string]bool) map[string]bool {
	if !seen[name] {
		seen[name] = true
		for _, next := range arrows[name] {
			reach(next, seen)
		}
	}
	return seen
}

func TestForeignModules(t *testing.T) {
	t.Parallel()
	found := readPackages(t)
	for name, allowed := range foreign {
		for target := range found[name].program {
			first, _, _ := strings.Cut(target, "/")
			isForeign := strings.Contains(first, ".")
			ok := slices.ContainsFunc(allowed, func(m string) bool { return target == m || strings.HasPrefix(target, m+"/") })
			if isForeign && !ok {
				t.Errorf("%s must not import %s", name, target)
			}
		}
	}
}

// TestStartCannotReachThePracticeIdP holds the demo apart: only the files of
// cmd/sallyport that make the demo import the practice IdP.
func TestStartCannotReachThePracticeIdP(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../cmd/sallyport/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		base := filepath.Base(file)
		if strings.HasPrefix(base, "demo") || strings.HasSuffix(base, "_test.go") {
			continue
		}
		for target := range readFile(t, file) {
			if target == module+"internal/practiceidp" || target == module+"internal/echo" {
				t.Errorf("cmd/sallyport/%s imports %s; only demo*.go may", base, target)
			}
		}
	}
}

// TestGraphHasNoCycleInTheList sees that the list itself points one way.
func TestGraphHasNoCycleInTheList(t *testing.T) {
	t.Parallel()
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		if slices.Contains(path, name) {
			t.Fatalf("cycle: %s", strings.Join(append(path, name), " → "))
		}
		for _, next := range arrows[name] {
			visit(next, append(slices.Clone(path), name))
		}
	}
	for name := range arrows {
		visit(name, nil)
	}
}

// readPackages reads the imports of every package of the module; folders that
// are modules of their own are left out.
func readPackages(t *testing.T) map[string]*imports {
	t.Helper()
	const root = "../.."
	found := map[string]*imports{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, modErr := os.Stat(filepath.Join(path, "go.mod"))
			if path != root && (modErr == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		relative, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		name := filepath.ToSlash(relative)
		if found[name] == nil {
			found[name] = &imports{program: map[string]bool{}, tests: map[string]bool{}}
		}
		target := found[name].program
		if strings.HasSuffix(path, "_test.go") {
			target = found[name].tests
		}
		maps.Copy(target, readFile(t, path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func readFile(t *testing.T, path string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		set[target] = true
	}
	return set
}
