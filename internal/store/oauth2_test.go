package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
)

// applications is how decK writes them, and tokens beside.
const applications = `_format_version: "3.0"
consumers:
- username: bob
  oauth2_credentials:
  - name: notes
    client_id: notes-app
    client_secret: planted-secret
    hash_secret: true
    redirect_uris: ["https://notes.test/cb"]
    oauth2_tokens:
    - access_token: planted-token
      expires_in: 3600
  - name: generated
    client_secret: planted-other
oauth2_tokens:
- credential: notes-app
  access_token: planted-flat
  expires_in: 0
`

func TestApplicationsAndTokensOfADocument(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	loaded(t, b, applications)
	set := b.View().Set()
	if len(set.OAuth2Credentials) != 2 || len(set.OAuth2Tokens) != 2 {
		t.Fatalf("%d applications, %d tokens", len(set.OAuth2Credentials), len(set.OAuth2Tokens))
	}
	clients := map[string]string{}
	for _, c := range set.OAuth2Credentials {
		clients[c.ID] = c.ClientID
		if c.ClientID != "notes-app" && len(c.ClientID) != 32 {
			t.Errorf("client id %q", c.ClientID)
		}
	}
	for _, token := range set.OAuth2Tokens {
		if clients[token.CredentialID] != "notes-app" || !strings.HasPrefix(token.AccessToken.Reveal(), "planted-") {
			t.Errorf("token %+v", token)
		}
	}
	before := b.View().Entities()
	if l := loaded(t, b, applications); len(l.Dropped)+len(l.Reverted) > 0 {
		t.Errorf("loading the same again: %v", l)
	}
	if diff := cmp.Diff(before, b.View().Entities()); diff != "" {
		t.Errorf("a generated or hashed value or an id did not stay:\n%s", diff)
	}
}

func TestIDsOfApplicationsAndTokensTellNothingOfTheirSecrets(t *testing.T) {
	t.Parallel()
	ids := func(text string) string {
		b := newBench(t)
		loaded(t, b, text)
		var all []string
		for _, c := range b.View().Set().OAuth2Credentials {
			all = append(all, c.ID)
		}
		for _, token := range b.View().Set().OAuth2Tokens {
			all = append(all, token.ID)
		}
		return strings.Join(all, " ")
	}
	plain := ids(applications)
	if other := ids(strings.ReplaceAll(applications, "planted", "changed")); other != plain {
		t.Errorf("ids depend on secrets:\n%s\n%s", plain, other)
	}
	if ids(strings.ReplaceAll(applications, "bob", "pat")) == plain {
		t.Error("the control: ids that depend on nothing")
	}
}

func TestADeletedConsumerTakesApplicationsAndTokensAlong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	loaded(t, b, applications)
	b.must(t, func(tx *Tx) (Object, error) { return nil, tx.Delete(entity.Consumers, "bob") })
	if set := b.View().Set(); len(set.OAuth2Credentials)+len(set.OAuth2Tokens) != 0 {
		t.Errorf("left: %d applications, %d tokens", len(set.OAuth2Credentials), len(set.OAuth2Tokens))
	}
}
