package config

import "sallyport/internal/schema"

// introspectionFields declares token introspection (RFC 7662), which is not
// available.
func introspectionFields() []*schema.Field {
	return []*schema.Field{
		schema.Bool("introspect_jwt_tokens", nil, false).
			Unsupported(noIntrospection).
			Doc("Also introspects tokens that are JWTs, so revocation is noticed; normally only opaque tokens are."),
		schema.String("introspection_accept", nil, "application/json").OneOf("application/json", "application/jwt", "application/token-introspection+jwt").
			Unsupported(noIntrospection).
			Doc("Accept header for introspection; the JWT media types request a signed (or encrypted) response."),
		schema.Bool("introspection_check_active", nil, true).
			Unsupported(noIntrospection).
			Doc("Requires active to be true in the introspection response."),
		schema.String("introspection_hint", nil, "access_token").
			Unsupported(noIntrospection).
			Doc("token_type_hint value sent with introspection requests."),
		schema.String("introspection_token_param_name", nil, "token").
			Unsupported(noIntrospection).
			Doc("Form field name carrying the token in introspection requests."),
		schema.Strings("introspection_headers_client", nil).
			Unsupported(noIntrospection).
			Doc("Client request headers forwarded to the introspection endpoint."),
		schema.Strings("introspection_headers_names", nil).
			Unsupported(noIntrospection).
			Doc("Names of fixed extra request headers for introspection, paired by index with their values."),
		schema.Strings("introspection_headers_values", nil).Referenceable().Encrypted().
			Unsupported(noIntrospection).
			Doc("Values of fixed extra request headers for introspection, paired by index; may override Authorization."),
		schema.Strings("introspection_post_args_client", nil).
			Unsupported(noIntrospection).
			Doc("Client request arguments copied into introspection form fields."),
		schema.Strings("introspection_post_args_client_headers", nil).
			Unsupported(noIntrospection).
			Doc("Client request headers whose values are sent as introspection form fields."),
		schema.Strings("introspection_post_args_names", nil).
			Unsupported(noIntrospection).
			Doc("Names of fixed extra form fields for introspection, paired by index with their values."),
		schema.Strings("introspection_post_args_values", nil).
			Unsupported(noIntrospection).
			Doc("Values of fixed extra form fields for introspection, paired by index with their names."),
	}
}
