package store

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
)

// people is how decK writes consumers with what goes with them.
const people = `_format_version: "3.0"
consumer_groups:
- name: gold
  plugins:
  - name: door
    config: {key: k}
- name: silver
consumers:
- username: bob
  groups:
  - name: gold
  acls:
  - group: admins
  - group: writers
  keyauth_credentials:
  - key: planted-one
  - tags: [generated]
- username: eve
  consumer_group_consumers:
  - consumer_group: silver
acls:
- consumer: eve
  group: admins
`

func TestConsumersOfADocument(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	loaded(t, b, people)
	set := b.View().Set()
	name := map[string]string{}
	for _, c := range set.Consumers {
		name[c.ID] = c.Username
	}
	for _, g := range set.ConsumerGroups {
		name[g.ID] = g.Name
	}
	var got []string
	for _, m := range set.Memberships {
		got = append(got, name[m.ConsumerID]+" in "+name[m.ConsumerGroupID])
	}
	for _, a := range set.ACLs {
		got = append(got, name[a.ConsumerID]+" as "+a.Group)
	}
	for _, k := range set.KeyAuths {
		text := k.Key.Reveal()
		if text != "planted-one" {
			text = strings.Repeat("x", len(text))
		}
		got = append(got, name[k.ConsumerID]+" by "+text)
	}
	for _, p := range set.Plugins {
		got = append(got, p.Name+" for "+name[p.ConsumerGroupID])
	}
	slices.Sort(got)
	want := []string{
		"bob as admins", "bob as writers", "bob by planted-one", "bob by " + strings.Repeat("x", 32), "bob in gold",
		"door for gold", "eve as admins", "eve in silver",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	before := b.View().Entities()
	if l := loaded(t, b, people); len(l.Dropped)+len(l.Reverted) > 0 {
		t.Errorf("loading the same again: %v", l)
	}
	if diff := cmp.Diff(before, b.View().Entities()); diff != "" {
		t.Errorf("a generated key or an id did not stay:\n%s", diff)
	}
}

// TestTheIDOfACredentialTellsNothingOfIt: it goes to upstreams, and a key in the
// hands of who knows its hash can be guessed at leisure.
func TestTheIDOfACredentialTellsNothingOfIt(t *testing.T) {
	t.Parallel()
	ids := func(text string) (key, consumer string) {
		b := newBench(t)
		loaded(t, b, text)
		set := b.View().Set()
		i := slices.IndexFunc(set.KeyAuths, func(k *entity.KeyAuth) bool { return strings.HasPrefix(k.Key.Reveal(), "planted") })
		return set.KeyAuths[i].ID, set.KeyAuths[i].ConsumerID
	}
	key, consumer := ids(people)
	if other, _ := ids(strings.ReplaceAll(people, "planted-one", "planted-two")); other != key {
		t.Errorf("the id depends on the key: %s, %s", key, other)
	}
	if other, owner := ids(strings.ReplaceAll(people, "bob", "pat")); owner == consumer || other == key {
		t.Error("the control: an id that depends on nothing")
	}
}

func TestADeletedConsumerTakesWhatIsItsAlong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	loaded(t, b, people)
	b.must(t, func(tx *Tx) (Object, error) { return nil, tx.Delete(entity.Consumers, "bob") })
	set := b.View().Set()
	if len(set.KeyAuths) != 0 || len(set.ACLs) != 1 || len(set.Memberships) != 1 || len(set.Plugins) != 1 {
		t.Errorf("left: %d keys, %d acls, %d memberships, %d plugins", len(set.KeyAuths), len(set.ACLs), len(set.Memberships), len(set.Plugins))
	}
	b.must(t, func(tx *Tx) (Object, error) { return nil, tx.Delete(entity.ConsumerGroups, "gold") })
	if set := b.View().Set(); len(set.Plugins) != 0 {
		t.Error("a plugin outlived the group it was for")
	}
}

func TestFaultsOfConsumersInADocument(t *testing.T) {
	t.Parallel()
	const v3 = "_format_version: \"3.0\"\n"
	for rule, tc := range map[string]struct{ text, want string }{
		"a group that is not there": {
			"consumers:\n- username: bob\n  groups:\n  - name: gold\n",
			"kong.yaml:5: consumers.1.groups.1.consumer_group: invalid reference 'consumer_group: gold' (no such entry in 'consumer_groups')",
		},
		"a group without a name": {
			"consumers:\n- username: bob\n  groups:\n  - gold\n",
			"kong.yaml:4: consumers.1.groups: 1: expected an object with the name of a consumer group",
		},
		"a group twice": {
			"consumer_groups:\n- name: g\nconsumers:\n- username: bob\n  groups:\n  - name: g\n  - name: g\n",
			"kong.yaml:8: consumers.1.groups.2: uniqueness violation: 'consumer_group_consumers' entity with",
		},
		"one key for two": {
			"consumers:\n- username: a\n  keyauth_credentials: [{key: k}]\n- username: b\n  keyauth_credentials: [{key: k}]\n",
			"kong.yaml:6: consumers.2.keyauth_credentials.1: uniqueness violation: 'keyauth_credentials' entity with the same key already declared",
		},
		"a key of nobody": {"keyauth_credentials:\n- key: k\n", "keyauth_credentials.1.consumer: required field missing"},
	} {
		_, err := ParseDeclarative("kong.yaml", []byte(v3+tc.text), testKinds())
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v\nwant %s", rule, err, tc.want)
		}
	}
}
