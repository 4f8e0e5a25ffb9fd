package certificate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// File names the files of one pair.
type File struct {
	// Cert is a PEM chain, the leaf first; Key its private key. They may be one
	// file.
	Cert, Key string
}

// FileOptions configure Files.
type FileOptions struct {
	// Interval is how often the files are read; 0 means 1 s.
	Interval time.Duration
	// Logger is told of pairs that were taken over, and of those that were not;
	// nil discards it.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Files are pairs in files. Its methods may be used concurrently.
//
// The files are read again and again rather than watched: that sees what is
// written in place, renamed over, or swapped as a symbolic link somewhere up the
// path (as Kubernetes does), on every kind of file system.
type Files struct {
	opts    FileOptions
	watched []*watched
	current atomic.Pointer[Choice]
}

// watched is one pair, used by Run alone once it was opened.
type watched struct {
	file File
	pair *tls.Certificate
	// content is that of the files that pair was made of, refused that of the
	// last ones that it could not be made of, and reported tells that the log
	// has it.
	content, refused [sha256.Size]byte
	reported         bool
}

// OpenFiles reads the pairs. An error names the file.
func OpenFiles(files []File, o FileOptions) (*Files, error) {
	if len(files) == 0 {
		return nil, errors.New("certificate: no files")
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Files{opts: o}
	for _, file := range files {
		content, pair, err := load(file, [sha256.Size]byte{})
		if err != nil {
			return nil, err
		}
		f.watched = append(f.watched, &watched{file: file, pair: pair, content: content})
		f.tell(file, pair, "certificate loaded")
	}
	f.publish()
	return f, nil
}

// Pairs are the pairs as they are now, in the order of the files.
func (f *Files) Pairs() Choice { return *f.current.Load() }

// Run takes over what changes in the files until ctx is done, and returns nil.
func (f *Files) Run(ctx context.Context) error {
	t := time.NewTicker(f.opts.Interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			f.look()
		}
	}
}

// look reads all files once.
func (f *Files) look() {
	changed := false
	for _, w := range f.watched {
		if f.reload(w) {
			changed = true
		}
	}
	if changed {
		f.publish()
	}
}

// reload takes over a pair that has changed. One that is wrong is reported when
// it is seen for the second time: between writing the one file and the other
// they do not match, and that is no news.
func (f *Files) reload(w *watched) bool {
	content, pair, err := load(w.file, w.content)
	switch {
	case err == nil && pair == nil:
		w.refused, w.reported = [sha256.Size]byte{}, false
		return false
	case err == nil:
		w.pair, w.content = pair, content
		w.refused, w.reported = [sha256.Size]byte{}, false
		f.tell(w.file, pair, "certificate reloaded")
		return true
	case content != w.refused:
		w.refused, w.reported = content, false
	case !w.reported:
		w.reported = true
		f.opts.Logger.Error("certificate not reloaded: the one in use stays", "file", w.file.Cert, "key_file", w.file.Key,
			"error", err.Error(), "not_after", w.pair.Leaf.NotAfter)
	}
	return false
}

func (f *Files) publish() {
	pairs := make(Choice, 0, len(f.watched))
	for _, w := range f.watched {
		pairs = append(pairs, w.pair)
	}
	f.current.Store(&pairs)
}

func (f *Files) tell(file File, pair *tls.Certificate, what string) {
	level := slog.LevelInfo
	if f.opts.Now().After(pair.Leaf.NotAfter) {
		level, what = slog.LevelWarn, what+", but it has expired"
	}
	f.opts.Logger.Log(context.Background(), level, what, "file", file.Cert, //nolint:sloglint // three fixed texts
		"names", pair.Leaf.DNSNames, "not_after", pair.Leaf.NotAfter)
}

// maxFile bounds a file in bytes.
const maxFile = 1 << 20

// load reads a pair; nil stands for the one whose content is known. content
// tells apart what was read, also where that is wrong.
func load(file File, known [sha256.Size]byte) (content [sha256.Size]byte, pair *tls.Certificate, err error) {
	cert, err := readFile(file.Cert)
	if err != nil {
		return sha256.Sum256([]byte(err.Error())), nil, fmt.Errorf("certificate file: %w", err)
	}
	key, err := readFile(file.Key)
	if err != nil {
		return sha256.Sum256([]byte(err.Error())), nil, fmt.Errorf("key file: %w", err)
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%d\n", len(cert)) // a hash takes everything
	h.Write(cert)
	h.Write(key)
	h.Sum(content[:0])
	if content == known {
		return content, nil, nil
	}
	if pair, err = Parse(string(cert), string(key)); err != nil {
		return content, nil, fmt.Errorf("certificate %s with key %s: %w", file.Cert, file.Key, err)
	}
	return content, pair, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return data, nil
}
