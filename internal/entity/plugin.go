package entity

import (
	"maps"
	"sync"

	"sallyport/internal/schema"
)

// PluginType is what this package needs to know of a plugin.
type PluginType struct {
	// Config describes the config record.
	Config *schema.Record
	// Protocols are the default protocols; nil means grpc, grpcs, http, https.
	Protocols []string
	// NoConsumer forbids the scopes consumer and consumer_group.
	NoConsumer bool
	// Prepare generates what a new or replaced instance does not say; nil
	// means nothing. It gets the normalised config, in which automatic fields
	// that were not given are absent; those it leaves absent become nil.
	Prepare func(config map[string]any)
}

func pluginKind(types func(name string) (PluginType, bool)) *Kind {
	p := &pluginRecords{types: types, known: make(map[string]knownPlugin)}
	p.common = p.record(schema.Any("config"), pluginProtocols(nil), false)
	return &Kind{
		Name: Plugins, Singular: "plugin", Collection: Plugins, Lookup: "instance_name",
		Record: p.common,
		Foreign: []Foreign{
			{Field: "route", Kind: Routes, OnDelete: Cascade},
			{Field: "service", Kind: Services, OnDelete: Cascade},
			{Field: "consumer", Kind: Consumers, OnDelete: Cascade},
			{Field: "consumer_group", Kind: ConsumerGroups, OnDelete: Cascade},
		},
		Unique:  [][]string{{"instance_name"}, {"consumer", "consumer_group", "name", "route", "service"}},
		variant: p.of,
		prepare: p.prepare,
		plugins: p,
	}
}

// pluginRecords keeps what is known of each plugin, and the record of its
// instances, once it was asked for.
type pluginRecords struct {
	types  func(name string) (PluginType, bool)
	common *schema.Record

	mu    sync.Mutex
	known map[string]knownPlugin // guarded by mu
}

type knownPlugin struct {
	PluginType
	record *schema.Record
}

// find returns the plugin of that name.
func (p *pluginRecords) find(name string) (knownPlugin, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.known[name]; ok {
		return known, true
	}
	t, ok := p.types(name)
	if !ok {
		return knownPlugin{}, false
	}
	known := knownPlugin{t, p.record(configField(t), pluginProtocols(t.Protocols), t.NoConsumer)}
	p.known[name] = known
	return known, true
}

// of returns the record for the plugin that in names.
func (p *pluginRecords) of(in map[string]any) *schema.Record {
	name, _ := in["name"].(string)
	if known, ok := p.find(name); ok {
		return known.record
	}
	return p.common
}

func (p *pluginRecords) record(config, protocols *schema.Field, noConsumer bool) *schema.Record {
	return &schema.Record{Checks: []schema.Check{oneScopeOfConsumers()}, Fields: []*schema.Field{
		idField(),
		schema.String("name", nil).Required().Check(p.checkName).
			Doc("The plugin's name."),
		nameField("instance_name", "The unique name of this instance."),
		createdField(), updatedField(),
		schema.Foreign("route", Routes).Doc("The route that the instance is for; null means any."),
		schema.Foreign("service", Services).Doc("The service that the instance is for; null means any."),
		consumerField(noConsumer),
		consumerGroupField(noConsumer),
		config,
		protocols,
		schema.Bool("enabled", nil, true).Required().Doc("Whether the instance runs."),
		tagsField(),
	}}
}

func (p *pluginRecords) checkName(v any) error {
	name, _ := v.(string)
	if _, ok := p.find(name); !ok {
		return constError("plugin '" + name + "' not enabled; add it to the 'plugins' configuration property")
	}
	return nil
}

func configField(t PluginType) *schema.Field {
	return schema.RecordField("config", t.Config).Required().
		Doc("The settings of the instance.")
}

func pluginProtocols(def []string) *schema.Field {
	if def == nil {
		def = []string{"grpc", "grpcs", "http", "https"}
	}
	return protocolsField(def).Doc("The protocols on which the instance runs.")
}

func consumerField(forbidden bool) *schema.Field {
	return scopeField(schema.Foreign("consumer", Consumers).
		Doc("The consumer that the instance is for; null means any."), forbidden)
}

func consumerGroupField(forbidden bool) *schema.Field {
	return scopeField(schema.Foreign("consumer_group", ConsumerGroups).
		Doc("The group of consumers that the instance is for; null means any."), forbidden)
}

func scopeField(f *schema.Field, forbidden bool) *schema.Field {
	if forbidden {
		f.Check(func(any) error { return constError("value must be null") })
	}
	return f
}

// oneScopeOfConsumers refuses an instance that no request would choose: Kong
// looks for one of a consumer or of a group, never of both.
func oneScopeOfConsumers() schema.Check {
	scopes := []string{"consumer", "consumer_group"}
	return schema.Check{
		Fields:   scopes,
		Describe: map[string]any{"mutually_exclusive": list(scopes)},
		Run: func(v map[string]any) []schema.Violation {
			if v["consumer"] == nil || v["consumer_group"] == nil {
				return nil
			}
			return []schema.Violation{{Message: "only one or none of these fields must be set: " + quoted(scopes)}}
		},
	}
}

// prepare is Kind.Prepare for plugins.
func (p *pluginRecords) prepare(in, normalized map[string]any) {
	name, _ := normalized["name"].(string)
	t, ok := p.find(name)
	stored, isRecord := normalized["config"].(map[string]any)
	if !ok || t.Prepare == nil || !isRecord {
		return
	}
	config := maps.Clone(stored)
	absent := absentAutos(t.Config, in)
	for _, field := range absent {
		delete(config, field)
	}
	t.Prepare(config)
	for _, field := range absent {
		if _, generated := config[field]; !generated {
			config[field] = nil
		}
	}
	normalized["config"] = config
}

// AutoConfig names the automatic fields of the config of the plugin that
// normalized is an instance of, which in, from which it was normalized, left
// out.
func (k *Kind) AutoConfig(in, normalized map[string]any) []string {
	if k.plugins == nil {
		return nil
	}
	name, _ := normalized["name"].(string)
	t, ok := k.plugins.find(name)
	if !ok {
		return nil
	}
	return absentAutos(t.Config, in)
}

func absentAutos(config *schema.Record, in map[string]any) []string {
	given, _ := in["config"].(map[string]any)
	var absent []string
	for _, f := range config.Fields {
		if _, said := given[f.Name]; f.Attr.Auto && !said {
			absent = append(absent, f.Name)
		}
	}
	return absent
}

// DescribePlugin is what GET /schemas/plugins/{name} answers: protocols,
// config and, where they are forbidden, the scopes of consumers. It reports false for a
// plugin that is not known, and for kinds other than plugins.
func (k *Kind) DescribePlugin(name string) (map[string]any, bool) {
	if k.plugins == nil {
		return nil, false
	}
	t, ok := k.plugins.find(name)
	if !ok {
		return nil, false
	}
	r := schema.Record{
		Fields: []*schema.Field{pluginProtocols(t.Protocols), configField(t.PluginType)},
		Checks: t.Config.Checks,
	}
	out := r.Describe()
	if t.NoConsumer {
		var forbidden []any
		for _, f := range []*schema.Field{consumerField(true), consumerGroupField(true)} {
			described := f.Describe()
			described["eq"] = nil
			forbidden = append(forbidden, map[string]any{f.Name: described})
		}
		fields, _ := out["fields"].([]any)
		out["fields"] = append(forbidden, fields...)
	}
	return out, true
}
