package oidc

import "time"

// keyEpoch says which generation of keys holds, and until when that is known.
type keyEpoch struct {
	generation uint64
	until      time.Time
}

// KeysHold reports whether the keys of generation are those that would be used
// now: a signature that one of them verified would verify again. It is false as
// soon as the keys are due to be fetched again, so that a key that the provider
// has withdrawn stops counting within Options.CacheTTL; while fetching fails the
// last good keys hold for as long as no other attempt is due.
func (p *Provider) KeysHold(generation uint64) bool {
	e := p.keys.epoch.Load()
	return e != nil && e.generation == generation && p.opts.Now().Before(e.until)
}

// number gives set the generation of the current one if it has the same keys,
// else the next. The caller holds s.mu.
func (s *keySource) number(set *keySet) {
	if s.set == nil || s.set.adds(set) || set.adds(s.set) {
		s.generation++
	}
	set.generation = s.generation
}

// prolong lets the keys at hand count until then. The caller holds s.mu.
func (s *keySource) prolong(until time.Time) {
	if s.set != nil {
		s.epoch.Store(&keyEpoch{generation: s.set.generation, until: until})
	}
}
