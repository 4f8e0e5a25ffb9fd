package plugin

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"sallyport/internal/entity"
)

// Consumers finds the consumers of a configuration, their groups and their
// keys. It is immutable and safe for concurrent use; nil finds nobody. What it
// returns is shared and must not be changed.
type Consumers struct {
	byID, byUsername, byFolded, byCustomID map[string]*entity.Consumer
	groups                                 map[string]*entity.ConsumerGroup // by name
	memberships                            map[string][]*entity.ConsumerGroup
	acls                                   map[string][]string
	// keys are found by their hash, so that how long a look-up takes tells
	// nothing about keys that exist.
	keys map[[sha256.Size]byte]*entity.KeyAuth
	// tokens are found likewise, applications by their id.
	tokens       map[[sha256.Size]byte]*entity.OAuth2Token
	applications map[string]*entity.OAuth2Credential
}

// Grant is an access token that the configuration holds, with whose it is.
type Grant struct {
	Token       *entity.OAuth2Token
	Application *entity.OAuth2Credential
	Consumer    *entity.Consumer
}

// NewConsumers indexes the consumers of a configuration.
func NewConsumers(set *entity.Set) *Consumers {
	c := &Consumers{
		byID: make(map[string]*entity.Consumer, len(set.Consumers)), byUsername: make(map[string]*entity.Consumer, len(set.Consumers)),
		byFolded: make(map[string]*entity.Consumer, len(set.Consumers)), byCustomID: map[string]*entity.Consumer{},
		groups: map[string]*entity.ConsumerGroup{}, memberships: map[string][]*entity.ConsumerGroup{},
		acls: map[string][]string{}, keys: make(map[[sha256.Size]byte]*entity.KeyAuth, len(set.KeyAuths)),
	}
	for _, one := range set.Consumers {
		c.byID[one.ID] = one
		if one.CustomID != "" {
			c.byCustomID[one.CustomID] = one
		}
		if one.Username == "" {
			continue
		}
		c.byUsername[one.Username] = one
		folded := strings.ToLower(one.Username)
		if _, taken := c.byFolded[folded]; taken {
			one = nil // two consumers: a spelling of neither must not choose
		}
		c.byFolded[folded] = one
	}
	c.addGroups(set)
	for _, key := range set.KeyAuths {
		if !key.Key.Empty() {
			c.keys[sha256.Sum256([]byte(key.Key.Reveal()))] = key
		}
	}
	c.addTokens(set)
	return c
}

func (c *Consumers) addTokens(set *entity.Set) {
	if len(set.OAuth2Tokens) == 0 {
		return
	}
	c.applications = make(map[string]*entity.OAuth2Credential, len(set.OAuth2Credentials))
	for _, a := range set.OAuth2Credentials {
		c.applications[a.ID] = a
	}
	c.tokens = make(map[[sha256.Size]byte]*entity.OAuth2Token, len(set.OAuth2Tokens))
	for _, t := range set.OAuth2Tokens {
		if !t.AccessToken.Empty() {
			c.tokens[sha256.Sum256([]byte(t.AccessToken.Reveal()))] = t
		}
	}
}

func (c *Consumers) addGroups(set *entity.Set) {
	byID := make(map[string]*entity.ConsumerGroup, len(set.ConsumerGroups))
	for _, g := range set.ConsumerGroups {
		byID[g.ID], c.groups[g.Name] = g, g
	}
	for _, m := range set.Memberships {
		if g := byID[m.ConsumerGroupID]; g != nil {
			c.memberships[m.ConsumerID] = append(c.memberships[m.ConsumerID], g)
		}
	}
	for _, list := range c.memberships {
		slices.SortFunc(list, func(a, b *entity.ConsumerGroup) int { return strings.Compare(a.Name, b.Name) })
	}
	for _, a := range set.ACLs {
		c.acls[a.ConsumerID] = append(c.acls[a.ConsumerID], a.Group)
	}
	for _, list := range c.acls {
		slices.Sort(list)
	}
}

// ByID finds a consumer by its id, and nil for none.
func (c *Consumers) ByID(id string) *entity.Consumer {
	if c == nil {
		return nil
	}
	return c.byID[id]
}

// ByUsername finds a consumer by its username, with fold by any spelling of it
// in upper and lower case. A spelling that fits several but equals none finds
// nobody.
func (c *Consumers) ByUsername(name string, fold bool) *entity.Consumer {
	if c == nil {
		return nil
	}
	if found := c.byUsername[name]; found != nil || !fold {
		return found
	}
	return c.byFolded[strings.ToLower(name)]
}

// ByCustomID finds a consumer by its custom_id.
func (c *Consumers) ByCustomID(id string) *entity.Consumer {
	if c == nil {
		return nil
	}
	return c.byCustomID[id]
}

// Group finds a consumer group by its name.
func (c *Consumers) Group(name string) *entity.ConsumerGroup {
	if c == nil {
		return nil
	}
	return c.groups[name]
}

// GroupsOf lists the consumer groups of a consumer by name.
func (c *Consumers) GroupsOf(consumerID string) []*entity.ConsumerGroup {
	if c == nil {
		return nil
	}
	return c.memberships[consumerID]
}

// ACLGroups lists the groups of the acl plugin in which a consumer is.
func (c *Consumers) ACLGroups(consumerID string) []string {
	if c == nil {
		return nil
	}
	return c.acls[consumerID]
}

// Key finds the credential of a key that has not run out, and its consumer.
func (c *Consumers) Key(key string, now time.Time) (*entity.KeyAuth, *entity.Consumer) {
	if c == nil || key == "" {
		return nil, nil
	}
	found := c.keys[sha256.Sum256([]byte(key))]
	if found == nil || found.Expires != 0 && now.Unix() >= found.Expires {
		return nil, nil
	}
	owner := c.byID[found.ConsumerID]
	if owner == nil {
		return nil, nil
	}
	return found, owner
}

// Token finds an access token, whether or not it has run out; false for one that
// nobody has.
func (c *Consumers) Token(text string) (Grant, bool) {
	if c == nil || len(c.tokens) == 0 || text == "" {
		return Grant{}, false
	}
	token := c.tokens[sha256.Sum256([]byte(text))]
	if token == nil {
		return Grant{}, false
	}
	application := c.applications[token.CredentialID]
	if application == nil {
		return Grant{}, false
	}
	owner := c.byID[application.ConsumerID]
	return Grant{token, application, owner}, owner != nil
}
