package entity

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"sallyport/internal/schema"
)

func oauth2CredentialKind() *Kind {
	return &Kind{
		Name: OAuth2Credentials, Singular: "oauth2_credential", Collection: "oauth2", Lookup: "client_id",
		Record: &schema.Record{
			Fields: []*schema.Field{
				idField(), createdField(), ownerField(),
				schema.String("name", nil).Required().
					Doc("The name of the application that has the credential."),
				schema.String("client_id", nil).Unique().Auto().
					Doc("The application's client id, generated when absent."),
				schema.String("client_secret", nil).Auto().Encrypted().
					Doc("The application's secret, generated when absent."),
				schema.Bool("hash_secret", nil, false).Required().
					Doc("Stores client_secret as a hash, which nobody can read back."),
				schema.Strings("redirect_uris", nil).CheckEach(checkRedirectURI).
					Doc("Where an authorization server may send the application's users."),
				tagsField(),
				schema.String("client_type", nil, "confidential").OneOf("confidential", "public").Required().
					Doc("Whether the application can keep a secret."),
			},
		},
		Foreign: ownedByConsumer(),
		Unique:  [][]string{{"client_id"}},
		derive:  hashClientSecret,
		prepare: func(in, normalized map[string]any) {
			for _, name := range []string{"client_id", "client_secret"} {
				if _, given := in[name]; !given {
					normalized[name] = newCredential()
				}
			}
			hashClientSecret(normalized)
		},
	}
}

func oauth2TokenKind() *Kind {
	return &Kind{
		Name: OAuth2Tokens, Singular: "oauth2_token", Collection: OAuth2Tokens, Lookup: "access_token",
		Record: &schema.Record{
			Fields: []*schema.Field{
				idField(), createdField(),
				schema.Foreign("service", Services).
					Doc("The only service at which the token counts; null means all."),
				schema.Foreign("credential", OAuth2Credentials).Required().
					Doc("The credential of the application that has the token."),
				schema.String("token_type", nil, "bearer").OneOf("bearer").Required().
					Doc("How the token is shown."),
				schema.Int("expires_in", nil, 0).Default(nil).Required().
					Doc("Seconds from created_at after which the token is refused; 0 means never."),
				schema.String("access_token", nil).Unique().Auto().Encrypted().
					Doc("The token itself, generated when absent."),
				schema.String("refresh_token", nil).Unique().Encrypted().
					Doc("The token by which an authorization server would renew it."),
				schema.String("authenticated_userid", nil).
					Doc("The user who allowed it, as the upstream is told."),
				schema.String("scope", nil).
					Doc("What it is for, as the upstream is told."),
				schema.Int("ttl", nil, 0).Default(nil).Between(0, maxTTL).
					Doc("Seconds from created_at after which the token is refused, whatever expires_in says; null and 0 mean never."),
			},
		},
		Foreign: []Foreign{
			{Field: "service", Kind: Services, OnDelete: Cascade},
			{Field: "credential", Kind: OAuth2Credentials, OnDelete: Cascade},
		},
		Unique: [][]string{{"access_token"}, {"refresh_token"}},
		prepare: func(in, normalized map[string]any) {
			if _, given := in["access_token"]; !given {
				normalized["access_token"] = newCredential()
			}
		},
	}
}

// checkRedirectURI demands what RFC 6749 section 3.1.2 does.
func checkRedirectURI(v any) error {
	text, _ := v.(string)
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		return constError("cannot parse '" + text + "'")
	case strings.Contains(text, "#"):
		return constError("fragment not allowed in '" + text + "'")
	}
	return nil
}

// The parameters of hashed client secrets, in the form in which Kong writes them.
const (
	hashRounds = 10_000
	hashLength = 32
	saltLength = 16
)

// hashedSecret begins every hashed client secret.
var hashedSecret = fmt.Sprintf("$pbkdf2-sha512$i=%d,l=%d$", hashRounds, hashLength)

// hashClientSecret replaces the secret by its hash where hash_secret says so. The
// salt is made of what tells the credential apart, so that a file which is loaded
// again changes nothing. What is a hash already stays, as when another field is
// changed.
func hashClientSecret(v map[string]any) {
	hash, _ := v["hash_secret"].(bool)
	secret, _ := v["client_secret"].(string)
	if !hash || secret == "" || strings.HasPrefix(secret, hashedSecret) {
		return
	}
	salt := sha256.Sum256(fmt.Appendf(nil, "oauth2 client secret %q %q %q", ForeignID(v, "consumer"), v["name"], v["client_id"]))
	digest, err := pbkdf2.Key(sha512.New, secret, salt[:saltLength], hashRounds, hashLength)
	if err != nil {
		panic("entity: " + err.Error()) // its parameters are constants
	}
	b64 := base64.RawStdEncoding
	v["client_secret"] = hashedSecret + b64.EncodeToString(salt[:saltLength]) + "$" + b64.EncodeToString(digest)
}
