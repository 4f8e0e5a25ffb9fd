package flow

import (
	"context"
	"log/slog"
	"time"
)

// Kind is the flow that a step belongs to.
type Kind string

// The flows.
const (
	Login    Kind = "login"
	Callback Kind = "callback"
	Refresh  Kind = "refresh"
	Logout   Kind = "logout"
	Session  Kind = "session"
	// Access is a request of an API client.
	Access Kind = "access"
)

// Verdict is the outcome of a step.
type Verdict string

// The verdicts. Refused means that a check failed because of what the other
// side sent; Failed means that a step could not be carried out; Abandoned that
// the user agent left before it was, so that nobody is to blame.
const (
	Passed    Verdict = "passed"
	Refused   Verdict = "refused"
	Failed    Verdict = "failed"
	Abandoned Verdict = "abandoned"
)

// Event is one step of a flow.
type Event struct {
	// Flow is the flow id (Design C11): on every error page and log line of
	// the flow. It is not secret.
	Flow string
	Kind Kind
	// Step is the protocol step in the words of the specification, for example
	// "token request" or "id token nonce".
	Step    string
	Verdict Verdict
	// Expected and Found say what the step compared. They are cut to 200
	// characters and must never hold a secret.
	Expected, Found string
	// Clause is the specification that demands the step, for example "OpenID
	// Connect Core 3.1.3.7".
	Clause   string
	Duration time.Duration
	// Err is the cause of Refused, Failed and Abandoned.
	Err error
	// Plugin and Route name where the flow runs.
	Plugin, Route string
}

const maxField = 200

func cut(s string) string {
	if len(s) > maxField {
		return s[:maxField] + "…"
	}
	return s
}

// Sink receives events. Emit must not block and must not keep ctx.
type Sink interface {
	Emit(ctx context.Context, e Event)
}

// Log is a Sink that writes structured log lines: passed and abandoned steps at
// debug, refused ones at warn, failed ones at error.
type Log struct{ Logger *slog.Logger }

// Emit implements Sink.
func (l Log) Emit(ctx context.Context, e Event) {
	level := slog.LevelDebug
	switch e.Verdict {
	case Refused:
		level = slog.LevelWarn
	case Failed:
		level = slog.LevelError
	case Passed, Abandoned:
	}
	if !l.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("flow_id", e.Flow), slog.String("flow", string(e.Kind)),
		slog.String("step", e.Step), slog.String("verdict", string(e.Verdict)),
	}
	for _, a := range []slog.Attr{
		slog.String("expected", cut(e.Expected)), slog.String("found", cut(e.Found)),
		slog.String("clause", e.Clause), slog.String("plugin_id", e.Plugin), slog.String("route_id", e.Route),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if e.Duration > 0 {
		attrs = append(attrs, slog.Duration("duration", e.Duration))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	l.Logger.LogAttrs(ctx, level, "openid connect flow", attrs...)
}
