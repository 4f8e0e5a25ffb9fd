package certificate_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/certificate"
	"sallyport/internal/certificate/certtest"
)

const patience = 20 * time.Second

func pipe(t *testing.T) (client, server net.Conn) {
	t.Helper()
	client, server = net.Pipe()
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	return client, server
}

// logText is a log that is read while it is written.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// folder is a directory with one pair in it, as operators keep it.
type folder struct {
	dir  string
	file certificate.File
}

func newFolder(t *testing.T, pair *certtest.Pair) folder {
	t.Helper()
	dir := t.TempDir()
	f := folder{dir, certificate.File{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}}
	f.write(t, pair.Cert, pair.Key)
	return f
}

// write replaces both files, each at once.
func (f folder) write(t *testing.T, cert, key string) {
	t.Helper()
	for name, text := range map[string]string{f.file.Cert: cert, f.file.Key: key} {
		if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
}

// overwrite writes into the files that are there.
func (f folder) overwrite(t *testing.T, cert, key string) {
	t.Helper()
	for name, text := range map[string]string{f.file.Cert: cert, f.file.Key: key} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// watch runs Files until the test ends.
func watch(t *testing.T, files ...certificate.File) (*certificate.Files, *logText) {
	t.Helper()
	log := new(logText)
	f, err := certificate.OpenFiles(files, certificate.FileOptions{Interval: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f, log
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func shows(f *certificate.Files, name string) func() bool {
	return func() bool { return f.Pairs()[0].Leaf.DNSNames[0] == name }
}

func TestFilesAreTakenOverHoweverTheyChange(t *testing.T) {
	t.Parallel()
	one, two := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}}), certtest.SelfSigned(t, certtest.Spec{Names: []string{"two.test"}})
	for name, change := range map[string]func(t *testing.T, f folder){
		"written in place": func(t *testing.T, f folder) { f.overwrite(t, two.Cert, two.Key) },
		"renamed over":     func(t *testing.T, f folder) { f.write(t, two.Cert, two.Key) },
		"written with the time of the old ones": func(t *testing.T, f folder) {
			info, err := os.Stat(f.file.Cert)
			if err != nil {
				t.Fatal(err)
			}
			f.overwrite(t, two.Cert, two.Key)
			for _, file := range []string{f.file.Cert, f.file.Key} {
				if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, one)
			files, log := watch(t, f.file)
			if !shows(files, "one.test")() {
				t.Fatal("the first pair is not shown")
			}
			change(t, f)
			await(t, "the second pair", shows(files, "two.test"))
			await(t, "its log line", func() bool { return strings.Contains(log.String(), "certificate reloaded") })
		})
	}
}

// Kubernetes keeps the files of a volume behind a symbolic link ..data, which it
// swaps.
func TestASwappedSymbolicLinkIsTakenOver(t *testing.T) {
	t.Parallel()
	one, two := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}}), certtest.SelfSigned(t, certtest.Spec{Names: []string{"two.test"}})
	volume := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(volume, "..data")
	must(os.Symlink(newFolder(t, one).dir, data))
	file := certificate.File{Cert: filepath.Join(volume, "tls.crt"), Key: filepath.Join(volume, "tls.key")}
	must(os.Symlink(filepath.Join("..data", "tls.crt"), file.Cert))
	must(os.Symlink(filepath.Join("..data", "tls.key"), file.Key))
	files, _ := watch(t, file)
	must(os.Symlink(newFolder(t, two).dir, data+"_tmp"))
	must(os.Rename(data+"_tmp", data))
	await(t, "the second pair", shows(files, "two.test"))
}

func TestABadFileLeavesThePairInUse(t *testing.T) {
	t.Parallel()
	one, two := certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}}), certtest.SelfSigned(t, certtest.Spec{Names: []string{"two.test"}})
	for name, tc := range map[string]struct {
		change func(t *testing.T, f folder)
		reason string
	}{
		"no certificate": {func(t *testing.T, f folder) { f.write(t, "garbage", one.Key) }, "no PEM block"},
		"another's key":  {func(t *testing.T, f folder) { f.write(t, one.Cert, two.Key) }, "does not match key"},
		"gone": {func(t *testing.T, f folder) {
			if err := os.Remove(f.file.Key); err != nil {
				t.Fatal(err)
			}
		}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, one)
			files, log := watch(t, f.file)
			tc.change(t, f)
			await(t, "the reason", func() bool { return strings.Contains(log.String(), tc.reason) })
			if !shows(files, "one.test")() {
				t.Error("the pair in use is gone")
			}
			if text := log.String(); !strings.Contains(text, f.file.Cert) || strings.Count(text, "not reloaded") != 1 {
				t.Errorf("want one line that names the file: %s", text)
			}
			for line := range strings.Lines(one.Key + two.Key) {
				if !strings.HasPrefix(line, "-----") && strings.Contains(log.String(), strings.TrimSpace(line)) {
					t.Error("the log holds a key")
				}
			}
			f.write(t, two.Cert, two.Key)
			await(t, "the pair that is right again", shows(files, "two.test"))
		})
	}
}

func TestOpenFilesNamesTheFile(t *testing.T) {
	t.Parallel()
	one := newFolder(t, certtest.SelfSigned(t, certtest.Spec{Names: []string{"one.test"}}))
	absent := filepath.Join(t.TempDir(), "absent.pem")
	for _, file := range []certificate.File{{Cert: absent, Key: one.file.Key}, {Cert: one.file.Cert, Key: absent}} {
		if _, err := certificate.OpenFiles([]certificate.File{file}, certificate.FileOptions{}); err == nil || !strings.Contains(err.Error(), absent) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := certificate.OpenFiles(nil, certificate.FileOptions{}); err == nil {
		t.Error("no files were accepted")
	}
}
