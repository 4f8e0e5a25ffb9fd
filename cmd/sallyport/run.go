package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"

	"sallyport/internal/telemetry"
)

// start runs the gateway until ctx ends.
func (p program) start(ctx context.Context, args []string) error {
	var s settings
	if err := p.parse(s.flags("start"), args); err != nil {
		if errors.Is(err, errHelp) {
			return nil
		}
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	// Caught from here on: a SIGHUP while starting must not end the program.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

	logger, access := p.loggers(s)
	redirectStandardLog(logger)
	n, err := newNode(s, logger, access)
	if err != nil {
		return err
	}
	defer n.close()
	if s.config != "" {
		if _, err := n.loadFile(ctx, s.config); err != nil {
			return err
		}
		logger.InfoContext(ctx, "configuration loaded", "file", s.config, "hash", n.store.View().Hash())
	}
	if err := n.listen(ctx); err != nil {
		return err
	}
	n.announce(ctx, p.announcer(s))
	return n.run(ctx, hangups)
}

// announce logs what the node listens on, that with always, whose level lets it
// through in any case: with port 0 nothing else tells.
func (n *node) announce(ctx context.Context, always *slog.Logger) {
	n.logger.InfoContext(ctx, "sallyport started", "version", version, "pid", os.Getpid(), "database", n.settings.database)
	for i, a := range n.proxy.Addrs() {
		always.InfoContext(ctx, "listening", "listener", "proxy", "address", a.String(), "ssl", n.settings.proxyListen[i].TLS)
	}
	if n.admin == nil {
		return
	}
	for i, a := range n.admin.Addrs() {
		always.InfoContext(ctx, "listening", "listener", "admin", "address", a.String(), "ssl", n.settings.adminListen[i].TLS)
	}
}

// run serves until ctx ends or a listener fails, and reloads on each hangup.
// Access records are written until the last request has ended.
func (n *node) run(ctx context.Context, hangups <-chan os.Signal) error {
	writing, flush := context.WithCancel(context.WithoutCancel(ctx))
	defer flush()
	var records errgroup.Group
	if n.access != nil {
		records.Go(func() error { return n.access.Run(writing) })
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range n.servers() {
		group.Go(func() error { return s.Run(ctx) })
	}
	if files := n.certificates.files; files != nil {
		group.Go(func() error { return files.Run(ctx) })
	}
	if n.acme != nil {
		group.Go(func() error { return n.acme.Run(ctx) })
	}
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				n.logger.InfoContext(ctx, "stopping", "grace", n.settings.grace.String())
				return nil
			case <-hangups:
				n.reload(ctx)
			}
		}
	})
	err := group.Wait()
	flush()
	err = errors.Join(err, records.Wait())
	n.logger.InfoContext(ctx, "stopped")
	return err
}

// reload replaces the configuration by the file's. A file that is missing or
// wrong changes nothing.
func (n *node) reload(ctx context.Context) {
	file := n.settings.config
	if file == "" {
		n.metrics.ConfigReloaded(telemetry.Refused)
		n.logger.WarnContext(ctx, "configuration not reloaded", "error", "there is no file: start with --config")
		return
	}
	loaded, err := n.loadFile(ctx, file)
	if err != nil {
		n.metrics.ConfigReloaded(telemetry.Refused)
		n.logger.ErrorContext(ctx, "configuration not reloaded", "file", file, "error", err.Error())
		return
	}
	n.metrics.ConfigReloaded(telemetry.Applied)
	for _, gone := range loaded.Dropped {
		n.logger.WarnContext(ctx, "reload dropped an entity that the file does not hold",
			"kind", gone.Kind, "id", gone.ID, "name", gone.Name)
	}
	for _, back := range loaded.Reverted {
		n.logger.WarnContext(ctx, "reload took back a change to an entity of the file",
			"kind", back.Kind, "id", back.ID, "name", back.Name)
	}
	n.logger.InfoContext(ctx, "configuration reloaded", "file", file, "hash", n.store.View().Hash(),
		"dropped", len(loaded.Dropped), "reverted", len(loaded.Reverted))
}
