package admin

import (
	"net/http"

	"sallyport/internal/entity"
	"sallyport/internal/store"
)

// entitySchema answers GET /schemas/{entity}.
func (a *API) entitySchema(c *call) (reply, error) {
	k, err := a.kindNamed(c.args[0])
	if err != nil {
		return reply{}, err
	}
	return ok(k.Record.Describe())
}

func (a *API) kindNamed(name string) (*entity.Kind, error) {
	k, exists := a.kinds[name]
	if !exists {
		return nil, failure(http.StatusNotFound, "No entity named '"+name+"'")
	}
	return k, nil
}

// pluginSchema answers GET /schemas/plugins/{name}.
func (a *API) pluginSchema(c *call) (reply, error) {
	plugins, exists := a.kinds[entity.Plugins]
	if exists {
		if record, found := plugins.DescribePlugin(c.args[0]); found {
			return ok(record)
		}
	}
	return reply{}, failure(http.StatusNotFound, "No plugin named '"+c.args[0]+"'")
}

// pluginConfigSchema answers the old GET /plugins/schema/{name}: the config
// record alone.
func (a *API) pluginConfigSchema(c *call) (reply, error) {
	d, exists := a.definitions[c.args[0]]
	if !exists {
		return reply{}, failure(http.StatusNotFound, "No plugin named '"+c.args[0]+"'")
	}
	return ok(d.Config().Describe())
}

// validateEntity answers POST /schemas/{entity}/validate.
func (a *API) validateEntity(c *call) (reply, error) { return a.validate(c, c.args[0]) }

// validatePlugin answers POST /schemas/plugins/validate, which must not be
// taken for the schema of a plugin.
func (a *API) validatePlugin(c *call) (reply, error) { return a.validate(c, entity.Plugins) }

// validate checks an entity by its schema, a plugin's config included, and
// not by what is stored.
func (a *API) validate(c *call, kind string) (reply, error) {
	k, err := a.kindNamed(kind)
	if err != nil {
		return reply{}, err
	}
	b, err := readBody(c, false)
	if err != nil {
		return reply{}, err
	}
	object, err := collection{api: a, kind: k}.decode(b, nil)
	if err != nil {
		return reply{}, err
	}
	if violations := k.Validate(object); violations != nil {
		return reply{}, store.SchemaViolation(violations)
	}
	return ok(message{"schema validation successful"})
}
