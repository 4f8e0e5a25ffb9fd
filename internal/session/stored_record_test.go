package session_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/internal/secret"
	"sallyport/internal/session"
)

func equalEntries() []cmp.Option {
	return []cmp.Option{
		cmpopts.IgnoreUnexported(session.Entry{}),
		cmp.Comparer(func(a, b secret.String) bool { return a.Equal(b) }),
	}
}

func TestEntryComesBackAsItWas(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		for name, e := range map[string]session.Entry{
			"full":    entry(),
			"minimal": {Realm: realm()},
			"large":   {Realm: realm(), AccessToken: secret.New(strings.Repeat("t", 9000)), Claims: make([]session.Claim, 500)},
		} {
			t.Run(storage+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, storage)
				a := newAgent(t)
				login(t, b.Manager, a, e)
				if diff := cmp.Diff(e, load(t, b.Manager, a).Entry(), equalEntries()...); diff != "" {
					t.Errorf("entry (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// Item 2 of what must be refused: the stored record with one byte changed,
// copied to another key, absent, of an unknown version (the last one in
// TestUnknownRecordVersionIsNoSession). The positive control is the record as
// it was.
func TestStoredRecordRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, b *bench, a *agent){
		"one byte changed": func(t *testing.T, b *bench, a *agent) {
			var size int
			b.store.tamper = func(_ string, r session.Record) (session.Record, error) { size = len(r.Data); return r, nil }
			load(t, b.Manager, a)
			for i := range size {
				b.store.tamper = func(_ string, r session.Record) (session.Record, error) {
					r.Data = bytes.Clone(r.Data)
					r.Data[i] ^= 1
					return r, nil
				}
				refused(t, b.Manager, a.visit(), session.ReasonSealed)
			}
		},
		"cut or lengthened": func(t *testing.T, b *bench, a *agent) {
			for _, change := range []func([]byte) []byte{
				func([]byte) []byte { return nil },
				func(d []byte) []byte { return d[:10] },
				func(d []byte) []byte { return d[:len(d)-1] },
				func(d []byte) []byte { return d[1:] },
				func(d []byte) []byte { return append(slices.Clone(d), 0) },
			} {
				b.store.tamper = func(_ string, r session.Record) (session.Record, error) {
					r.Data = change(r.Data)
					return r, nil
				}
				refused(t, b.Manager, a.visit(), session.ReasonSealed)
			}
		},
		"copied to another key": func(t *testing.T, b *bench, a *agent) {
			other := newAgent(t)
			mallory := entry()
			mallory.Subject = "mallory"
			login(t, b.Manager, other, mallory)
			var records []session.Record
			b.store.tamper = func(_ string, r session.Record) (session.Record, error) {
				records = append(records, r)
				return r, nil
			}
			load(t, b.Manager, other)
			load(t, b.Manager, a)
			b.store.tamper = func(string, session.Record) (session.Record, error) { return records[0], nil }
			refused(t, b.Manager, a.visit(), session.ReasonSealed)
		},
		"put back under another version": func(t *testing.T, b *bench, a *agent) {
			b.store.tamper = func(_ string, r session.Record) (session.Record, error) {
				r.Version++
				return r, nil
			}
			refused(t, b.Manager, a.visit(), session.ReasonSealed)
		},
		"absent": func(t *testing.T, b *bench, a *agent) {
			b.store.tamper = func(string, session.Record) (session.Record, error) {
				return session.Record{}, session.ErrAbsent
			}
			refused(t, b.Manager, a.visit(), session.ReasonAbsent)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "store")
			a := newAgent(t)
			login(t, b.Manager, a, entry())
			load(t, b.Manager, a) // control
			test(t, b, a)
			b.store.tamper = nil
			load(t, b.Manager, a) // nothing of it ended the session
		})
	}
}

// A plugin's session counts for another plugin only in the same realm.
func TestSessionOfAnotherRealmIsRefused(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		for name, change := range map[string]func(*session.Realm){
			"issuer": func(r *session.Realm) { r.Issuer = "https://idp.test/realms/b" },
			"client": func(r *session.Realm) { r.ClientID = "other" },
			"policy": func(r *session.Realm) { r.Policy = "verify_nonce=false" },
		} {
			t.Run(storage+"/"+name, func(t *testing.T) {
				t.Parallel()
				strict := newBench(t, storage)
				other := realm()
				change(&other)
				lenient := strict.with(t, func(o *session.Options) { o.Realms = []session.Realm{other} })
				both := strict.with(t, func(o *session.Options) { o.Realms = []session.Realm{other, realm()} })
				a := newAgent(t)
				e := entry()
				e.Realm = other
				login(t, lenient, a, e)
				load(t, lenient, a)
				load(t, both, a)
				refused(t, strict.Manager, a.visit(), session.ReasonRealm)
				if _, _, err := strict.Start(t.Context(), a.visit(), e); err == nil {
					t.Error("a manager starts a session that it would not accept")
				}
			})
		}
	}
}

func TestSecretsRotate(t *testing.T) {
	t.Parallel()
	for _, storage := range storages() {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storage)
			a := newAgent(t)
			old := login(t, b.Manager, a, entry())
			rotated := b.with(t, func(o *session.Options) { o.Keyring = ring(t, "second secret", "first secret") })
			s := load(t, rotated, a)
			if s.Family() != old.Family() {
				t.Error("another session")
			}
			if storage == "store" {
				found, err := rotated.Find(t.Context(), session.Finder{Issuer: realm().Issuer, Subject: "alice"})
				if err != nil || len(found) != 1 {
					t.Errorf("found %v, %v: want the session of the old secret", found, err)
				}
			}
			// A touch moves the cookie to the new secret, a renewal the record.
			for range 4 {
				b.clock.Pass(12 * time.Minute)
				_, lines, err := rotated.Keep(t.Context(), a.visit(), load(t, rotated, a))
				if err != nil {
					t.Fatal(err)
				}
				a.take(lines)
			}
			onlyNew := b.with(t, func(o *session.Options) { o.Keyring = ring(t, "second secret") })
			load(t, onlyNew, a)
			refused(t, b.Manager, a.visit(), session.ReasonForged)
		})
	}
}

// A store that cannot be asked is never "no session" (item 11, the store's
// half): no cookie is cleared and no login may start.
func TestUnavailableStoreIsNotNoSession(t *testing.T) {
	t.Parallel()
	b := newBench(t, "store")
	a := newAgent(t)
	s := login(t, b.Manager, a, entry())
	for _, cause := range []error{session.ErrUnavailable, errors.New("of no known kind")} {
		b.store.broken(cause)
		b.clock.Pass(rolling - time.Second)
		visit := a.visit()
		ctx := t.Context()
		for name, call := range map[string]func() ([]string, error){
			"load":    func() ([]string, error) { _, err := b.Load(ctx, visit); return nil, err },
			"start":   func() ([]string, error) { _, l, err := b.Start(ctx, visit, entry()); return l, err },
			"keep":    func() ([]string, error) { _, l, err := b.Keep(ctx, visit, s); return l, err },
			"rewrite": func() ([]string, error) { _, l, err := b.Rewrite(ctx, visit, s, entry()); return l, err },
			"refresh": func() ([]string, error) {
				_, l, err := b.Refresh(ctx, visit, s, nil)
				return l, err
			},
			"end":  func() ([]string, error) { return b.End(ctx, visit) },
			"mark": func() ([]string, error) { return nil, b.MarkUsed(ctx, "flow", time.Second) },
			"find": func() ([]string, error) {
				_, err := b.EndFound(ctx, session.Finder{Issuer: realm().Issuer, Subject: "alice"})
				return nil, err
			},
		} {
			if name == "load" || name == "end" {
				b.clock.Pass(-(rolling - time.Second))
			}
			lines, err := call()
			if name == "load" || name == "end" {
				b.clock.Pass(rolling - time.Second)
			}
			if !errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrNone) || len(lines) > 0 {
				t.Errorf("%s: lines %q, error %v; want ErrUnavailable", name, lines, err)
			}
		}
		b.store.broken(nil)
		b.clock.Pass(-(rolling - time.Second))
		load(t, b.Manager, a) // control: it heals, and the session is still there
	}
}
