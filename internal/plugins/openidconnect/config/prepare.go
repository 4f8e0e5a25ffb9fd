package config

import (
	"crypto/rand"
)

// Prepare generates the values that a stored configuration gets when they were
// not sent: the key of an absent value is missing from values, and a null is
// left as it is.
func Prepare(values map[string]any) {
	const salt = "cache_tokens_salt"
	if _, sent := values[salt]; !sent {
		values[salt] = rand.Text()
	}
}
