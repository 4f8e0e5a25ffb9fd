package keyauth

import (
	"errors"
	"net/textproto"

	"sallyport/internal/schema"
)

// settings are the config record.
type settings struct {
	names                 []string
	anonymous, realm      string
	hide, preflight       bool
	header, query, inBody bool
	headers               []string // names as header names, in the same order
}

func (s *settings) record() *schema.Record {
	return &schema.Record{
		Fields: []*schema.Field{
			schema.Strings("key_names", &s.names, "apikey").Required().LenMin(1).CheckEach(isHeaderName).
				Doc("Names of the header, query argument or body field in which the key is looked for, in this order."),
			schema.Bool("hide_credentials", &s.hide, false).Required().
				Doc("Whether the key is kept from the upstream."),
			schema.String("anonymous", &s.anonymous).
				Doc("Id or username of the consumer that stands in where authentication fails, in place of 401. With it a request that another plugin authenticated passes."),
			schema.Bool("key_in_header", &s.header, true).Required().Doc("Whether the key may come in a header."),
			schema.Bool("key_in_query", &s.query, true).Required().Doc("Whether the key may come in the query."),
			schema.Bool("key_in_body", &s.inBody, false).Required().
				Doc("Whether the key may come in the body: in a form or a JSON object of at most 64 KiB."),
			schema.Bool("run_on_preflight", &s.preflight, true).Required().
				Doc("Whether OPTIONS requests need a key, too."),
			schema.String("realm", &s.realm).Check(isQuotable).
				Doc("The realm in the WWW-Authenticate header of a refusal."),
		},
		Checks: []schema.Check{{
			Fields: []string{"key_in_header", "key_in_query", "key_in_body"},
			Run: func(v map[string]any) []schema.Violation {
				if v["key_in_header"] == false && v["key_in_query"] == false && v["key_in_body"] == false {
					return []schema.Violation{{Message: "at least one of key_in_header, key_in_query and key_in_body must be true"}}
				}
				return nil
			},
		}},
	}
}

// compile reads a normalised config.
func compile(config map[string]any) (*settings, error) {
	s := &settings{}
	if err := s.record().Bind(config); err != nil {
		return nil, err
	}
	for _, name := range s.names {
		s.headers = append(s.headers, textproto.CanonicalMIMEHeaderKey(name))
	}
	return s, nil
}

var (
	errHeaderName = errors.New("expected letters, digits, '-' and '_'")
	errQuotable   = errors.New(`expected printable ASCII without '"' and '\'`)
)

func isHeaderName(v any) error {
	name, _ := v.(string)
	for i := range len(name) {
		c := name[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return errHeaderName
		}
	}
	return nil
}

func isQuotable(v any) error {
	text, _ := v.(string)
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return errQuotable
		}
	}
	return nil
}
