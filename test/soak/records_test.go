//go:build integration

package soak

import (
	"encoding/json"
	"strings"
	"sync/atomic"
)

// records judges what the gateway prints while it prints it.
type records struct {
	ledger *ledger
	// badGateways are the log lines of upstreams that gave no answer.
	badGateways atomic.Int64
}

// access judges an access record. Only what breaks off on purpose may fail.
func (r *records) access(line []byte) {
	var a struct {
		Path   string `json:"path"`
		Status int    `json:"status"`
		Cut    bool   `json:"cut"`
	}
	if err := json.Unmarshal(line, &a); err != nil {
		r.ledger.fail(kindAccess, "no record: %s", line)
		return
	}
	r.ledger.done(kindAccess)
	leaves := strings.HasPrefix(a.Path, "/leave/") || strings.HasPrefix(a.Path, "/ws")
	breaks := strings.HasPrefix(a.Path, "/break/")
	switch {
	case a.Status >= 500 && a.Path != "/break/head",
		a.Status >= 400 && !leaves && !breaks && !strings.HasPrefix(a.Path, "/anything/gone"),
		a.Cut && !leaves && !breaks && !strings.HasPrefix(a.Path, "/events/"):
		r.ledger.fail(kindAccess, "unexpected: %s", line)
	}
}

// log judges a log line. What is no JSON is a panic or a report of the race
// detector.
func (r *records) log(line []byte) {
	var entry struct {
		Level, Msg string
		Status     int
	}
	if err := json.Unmarshal(line, &entry); err != nil {
		r.ledger.fail(kindGatewayLog, "%s", line)
		return
	}
	switch {
	case entry.Level == "ERROR" && entry.Msg == "request failed" && entry.Status == 502:
		r.badGateways.Add(1)
	case entry.Level == "ERROR", entry.Level == "WARN" && entry.Msg == "access records dropped":
		r.ledger.fail(kindGatewayLog, "%s", line)
	}
	r.ledger.done(kindGatewayLog)
}
