package openidconnect

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sallyport/internal/cache"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
)

// What nodes share are answers of the identity provider that were good, not what
// they came to: each node holds them to its own rules again. Refusals are not
// shared, so that whoever sends random credentials does not fill the cache of
// all nodes.

// The purposes and versions of the keys: of the names of shared answers and of
// their seals.
const (
	infoSharedName = "sallyport cluster cache name 1"
	infoSharedSeal = "sallyport cluster cache seal 1"
)

// sharedPrefix stands before the names of shared answers.
const sharedPrefix = "sallyport:cache:"

// warnEvery is how often a failure of a shared cache is logged at most.
const warnEvery = 10 * time.Second

// The words by which Meter counts shared answers.
const (
	operationGet   = "get"
	operationPut   = "put"
	sharedHit      = "hit"
	sharedMiss     = "miss"
	sharedUnopened = "unopened"
	sharedStored   = "stored"
	sharedSkipped  = "skipped"
)

// sharedPlace is where an answer lies: name is a keyed hash of everything that
// shaped it, and salt that hash. An empty one is not shared.
type sharedPlace struct {
	name string
	salt []byte
}

// sharedAnswer is what is sealed. Times are in milliseconds since 1970: when it
// was asked for, and until when it counts.
type sharedAnswer struct {
	Asked  int64       `json:"asked,omitempty"` // zero but for tokens
	Until  int64       `json:"until"`
	Body   []byte      `json:"body"`
	JWT    string      `json:"jwt,omitempty"`
	Header http.Header `json:"header,omitempty"`
}

// openCluster opens the shared cache, where the configuration has one.
func (h *handler) openCluster() error {
	c := &h.config.Cache.Cluster
	if !c.On() {
		return nil
	}
	shared, release, err := h.clusters.acquire(redisKey(c.Redis), func() (cache.Shared, error) { return h.OpenCluster(c.Redis) })
	if err != nil {
		return fmt.Errorf("config.cluster_cache_redis: %w", err)
	}
	h.cluster, h.releases = shared, append(h.releases, release)
	return nil
}

// place names an answer: label says of what kind, fields are everything of the
// request that shaped it, each with its length in front. All settings go into
// the name, and the secret that seals: without it a name tells nothing of a
// credential, not even by guessing.
func (h *handler) place(label, salt string, fields []string) sharedPlace {
	text := make([]byte, 0, 1024)
	text = append(text, h.config.Fingerprint[:]...)
	for _, f := range append([]string{label, salt}, fields...) {
		text = binary.BigEndian.AppendUint32(text, uint32(len(f))) //nolint:gosec // bounded by what a request may hold
		text = append(text, f...)
	}
	sum := h.keys.MAC(0, infoSharedName, text)
	return sharedPlace{name: sharedPrefix + label + ":" + base64.RawURLEncoding.EncodeToString(sum[:]), salt: sum[:]}
}

// introspectionPlace is where the answer about a token is shared, if it is.
func (h *handler) introspectionPlace(q *tokenQuery) sharedPlace {
	c := &h.config.Cache
	if !c.Introspection || !c.Cluster.Shares(config.ClusterIntrospection) {
		return sharedPlace{}
	}
	id := ""
	if q.client != nil {
		id = q.client.ID
	}
	return h.place(string(config.MethodIntrospection), "", extraFields([]string{q.token.Reveal(), id}, q.introspection))
}

// tokensPlace is where the token endpoint's answer to a grant is shared, if it
// is; fields are those of its key.
func (h *handler) tokensPlace(method config.Method, fields []string) sharedPlace {
	c := &h.config.Cache
	if !c.Cluster.Shares(config.ClusterTokens) {
		return sharedPlace{}
	}
	return h.place(string(method), c.Salt, fields)
}

func (h *handler) sharedIntrospection(ctx context.Context, p sharedPlace) (*oidc.Introspection, time.Time, bool) {
	found, ok := h.fetchShared(ctx, p)
	if !ok {
		return nil, time.Time{}, false
	}
	answer, err := oidc.RestoreIntrospection(found.Body, secret.New(found.JWT))
	return answer, time.UnixMilli(found.Until), err == nil
}

func (h *handler) shareIntrospection(ctx context.Context, p sharedPlace, answer *oidc.Introspection) {
	if p.name == "" {
		return
	}
	until := h.fresh(h.ends(&evidence{introspection: answer}))
	h.share(ctx, p, &sharedAnswer{Body: answer.Raw(), JWT: answer.JWT.Reveal()}, until)
}

func (h *handler) sharedTokens(ctx context.Context, p sharedPlace) (*oidc.TokenResponse, time.Time, bool) {
	found, ok := h.fetchShared(ctx, p)
	if !ok {
		return nil, time.Time{}, false
	}
	asked := time.UnixMilli(found.Asked)
	if now := h.Now(); asked.After(now) {
		asked = now // the other node's clock is ahead
	}
	tokens, err := oidc.RestoreTokenResponse(secret.New(string(found.Body)), found.Header, asked)
	return tokens, time.UnixMilli(found.Until), err == nil
}

// shareTokens shares tokens whose access token ends at expiry, with those headers
// that are replayed.
func (h *handler) shareTokens(ctx context.Context, p sharedPlace, tokens *oidc.TokenResponse, expiry time.Time) {
	if p.name == "" {
		return
	}
	header := http.Header{}
	for _, r := range h.config.Token.Replay {
		if values := tokens.Header[r.Name]; len(values) > 0 {
			header[r.Name] = values
		}
	}
	h.share(ctx, p, &sharedAnswer{Asked: tokens.AskedAt.UnixMilli(), Body: []byte(tokens.Body.Reveal()), Header: header}, h.fresh(expiry))
}

// fetchShared opens what lies at a place. Whatever is wrong with it, or with the
// cache, there is nothing.
func (h *handler) fetchShared(ctx context.Context, p sharedPlace) (*sharedAnswer, bool) {
	if p.name == "" {
		return nil, false
	}
	sealed, err := h.cluster.Get(ctx, p.name)
	if err != nil {
		h.sharedFailed(operationGet, err)
		return nil, false
	}
	found := new(sharedAnswer)
	plain, err := h.keys.Open(p.salt, infoSharedSeal, []byte(p.name), sealed)
	if err == nil {
		err = json.Unmarshal(plain, found)
	}
	if err != nil || !h.Now().Before(time.UnixMilli(found.Until)) {
		h.Meter.ClusterCache(operationGet, sharedUnopened)
		return nil, false
	}
	h.Meter.ClusterCache(operationGet, sharedHit)
	return found, true
}

// share seals an answer that came now and counts until then. What cannot be
// shared is not.
func (h *handler) share(ctx context.Context, p sharedPlace, answer *sharedAnswer, until time.Time) {
	now := h.Now()
	if !now.Before(until) {
		return
	}
	answer.Until = until.UnixMilli()
	plain, err := json.Marshal(answer) //nolint:gosec // to be sealed
	if err != nil {
		h.sharedFailed(operationPut, err)
		return
	}
	sealed, err := h.keys.Seal(h.Rand, p.salt, infoSharedSeal, []byte(p.name), plain)
	if err == nil {
		err = h.cluster.Put(ctx, p.name, sealed, until.Sub(now))
	}
	if err != nil {
		h.sharedFailed(operationPut, err)
		return
	}
	h.Meter.ClusterCache(operationPut, sharedStored)
}

// sharedFailed counts a call that brought nothing, and logs failures, but not
// each of many.
func (h *handler) sharedFailed(operation string, err error) {
	switch {
	case errors.Is(err, cache.ErrAbsent):
		h.Meter.ClusterCache(operation, sharedMiss)
		return
	case errors.Is(err, cache.ErrPaused):
		h.Meter.ClusterCache(operation, sharedSkipped)
		return
	}
	h.Meter.ClusterCache(operation, resultFailed)
	now, last := h.Now().UnixNano(), h.warned.Load()
	if now-last > int64(warnEvery) && h.warned.CompareAndSwap(last, now) {
		h.Logger.Warn("cluster cache cannot be used: this node asks the identity provider itself",
			"plugin", Name, "plugin_id", h.id, "operation", operation, "error", err)
	}
}
