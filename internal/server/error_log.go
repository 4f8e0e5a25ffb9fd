package server

import (
	"context"
	"log/slog"
	"strings"
)

// errorLog passes on what net/http has to say, as an attribute of a constant
// message: a panic of a handler is an error, everything else (broken
// handshakes, clients that went away) is for debugging.
type errorLog struct{ logger *slog.Logger }

// Enabled implements slog.Handler; the level is known in Handle only.
func (errorLog) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l errorLog) Handle(ctx context.Context, r slog.Record) error {
	level := slog.LevelDebug
	if strings.Contains(r.Message, "panic") {
		level = slog.LevelError
	}
	l.logger.LogAttrs(ctx, level, "http server", slog.String("text", strings.TrimSpace(r.Message)))
	return nil
}

// WithAttrs implements slog.Handler; net/http adds none.
func (l errorLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler; net/http opens none.
func (l errorLog) WithGroup(string) slog.Handler { return l }
