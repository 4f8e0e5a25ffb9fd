package main

import (
	"context"
	"io"
	"log/slog"
)

// loggers are the log and, unless it is off, where access records go.
func (p program) loggers(s settings) (logger *slog.Logger, access io.Writer) {
	switch s.accessLog {
	case "stdout":
		access = p.stdout
	case "stderr":
		access = p.stderr
	}
	return slog.New(logHandler(s, p.stderr, s.logLevel)), access
}

// announcer is the log for what is told whatever its level is.
func (p program) announcer(s settings) *slog.Logger {
	return slog.New(logHandler(s, p.stderr, min(s.logLevel, slog.LevelInfo)))
}

func logHandler(s settings, w io.Writer, level slog.Level) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if s.logFormat == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}

// redirectStandardLog takes over what packages of the standard library write to
// the log package, where nobody can give them a logger: net/http's transport
// quotes there what an upstream sends without having been asked.
func redirectStandardLog(logger *slog.Logger) { slog.SetDefault(slog.New(standardLog{logger})) }

// standardLog tells that something was logged, and nothing of its text.
type standardLog struct{ logger *slog.Logger }

// Enabled implements slog.Handler.
func (l standardLog) Enabled(ctx context.Context, _ slog.Level) bool {
	return l.logger.Enabled(ctx, slog.LevelDebug)
}

// Handle implements slog.Handler.
func (l standardLog) Handle(ctx context.Context, _ slog.Record) error {
	l.logger.DebugContext(ctx, "standard library logged a message, which may quote an upstream")
	return nil
}

// WithAttrs implements slog.Handler; the log package adds none.
func (l standardLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler; the log package opens none.
func (l standardLog) WithGroup(string) slog.Handler { return l }
