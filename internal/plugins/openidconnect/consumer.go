package openidconnect

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"sallyport/internal/entity"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect/config"
)

// errStandIn stands for a 401 or 403 that config.anonymous replaces: the request
// goes on as that consumer's.
var errStandIn = errors.New("openid-connect: the anonymous consumer stands in")

// mayStandIn tells whether a refusal of this request is replaced by the anonymous
// consumer. A callback is not a request of anybody's: its failure is always shown.
func (v *visit) mayStandIn() bool { return v.h.config.Consumer.Anonymous != "" && !v.isCallback }

// standIn lets the anonymous consumer stand in. Where it does not exist nobody
// passes.
func (h *handler) standIn(w http.ResponseWriter, v *visit, next plugin.Next) error {
	if !v.q.StandIn(h.config.Consumer.Anonymous) {
		return v.refuse(outcome{status: http.StatusUnauthorized, cause: "config.anonymous names no consumer"})
	}
	return next(w, v.q)
}

// recognize records whose request it is: the consumer and the groups that the
// token names in the configuration of this moment. It gives the rule that fails
// where one that is demanded is not known.
func (h *handler) recognize(v *visit, w *who) *violation {
	c := &h.config.Consumer
	consumer := h.consumerOf(v.q, w)
	if len(c.Claims) > 0 && consumer == nil && !c.Optional {
		found := "there is none of the claims " + paths(c.Claims)
		if w.consumer != "" {
			found = shown([]string{w.consumer}) + " is no consumer's " + attributes(c.By)
		}
		return &violation{
			cause: "consumer_claims: " + found,
			text:  "You are signed in, but your account is not known here." + askTheOperator,
		}
	}
	groups := h.groupsOf(v.q, w)
	if len(c.Groups) > 0 && len(groups) == 0 && !c.GroupsOptional {
		return &violation{
			cause: "consumer_groups_claim: no consumer group is named by " + shown(w.consumerGroups),
			text:  "You are signed in, but your account is not in a group that is known here." + askTheOperator,
		}
	}
	q := v.q
	announce(q, w, consumer)
	if len(groups) > 0 {
		q.ConsumerGroups = merged(q.ConsumerGroups, groups)
	}
	if w.groups != nil {
		q.Groups = w.groups
		if w.header != "" {
			q.Upstream.Set(plugin.HeaderAuthenticatedGroups, w.header)
		}
	}
	return nil
}

// announce records the consumer, and the credential where there is none or where
// it is the consumer's own.
func announce(q *plugin.Request, w *who, consumer *entity.Consumer) {
	switch {
	case consumer == nil && q.Authenticated && q.Consumer != nil: // another plugin knows them: both were demanded
	case consumer == nil || w.owner != nil:
		q.Authenticate(consumer, w.credential)
	default:
		q.Authenticate(consumer, "")
	}
}

// consumerOf finds the consumer that the token names, nil for none.
func (h *handler) consumerOf(q *plugin.Request, w *who) *entity.Consumer {
	if w.owner != nil {
		return w.owner
	}
	if w.consumer == "" {
		return nil
	}
	for _, by := range h.config.Consumer.By {
		var found *entity.Consumer
		switch by {
		case config.ConsumerID:
			found = q.Consumers.ByID(w.consumer)
		case config.ConsumerUsername:
			found = q.Consumers.ByUsername(w.consumer, h.config.Consumer.FoldUsername)
		case config.ConsumerCustomID:
			found = q.Consumers.ByCustomID(w.consumer)
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// groupsOf finds the consumer groups that the token names.
func (h *handler) groupsOf(q *plugin.Request, w *who) []*entity.ConsumerGroup {
	var groups []*entity.ConsumerGroup
	for _, name := range w.consumerGroups {
		if g := q.Consumers.Group(name); g != nil && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return groups
}

// merged joins two lists of groups, by name.
func merged(a, b []*entity.ConsumerGroup) []*entity.ConsumerGroup {
	all := slices.Clone(a) // shared
	for _, g := range b {
		if !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(x, y *entity.ConsumerGroup) int { return strings.Compare(x.Name, y.Name) })
	return all
}

func paths(all [][]string) string {
	list := make([]string, 0, len(all))
	for _, path := range all {
		list = append(list, strings.Join(path, " → "))
	}
	return strings.Join(list, ", ")
}

func attributes(all []config.ConsumerAttribute) string {
	list := make([]string, 0, len(all))
	for _, a := range all {
		list = append(list, string(a))
	}
	return strings.Join(list, " or ")
}
