package entity

import "sallyport/internal/schema"

// CheckPluginProtocols refuses a plugin instance that could never run. route
// is the entity that the plugin refers to, nil without one; otherwise
// serviceRoutes are all routes of its service.
func CheckPluginProtocols(plugin, route map[string]any, serviceRoutes []map[string]any) schema.Errors {
	if route != nil {
		if overlap(plugin, route) {
			return nil
		}
		return schema.Errors{"protocols": "must match the associated route's protocols"}
	}
	if len(serviceRoutes) == 0 {
		return nil
	}
	for _, r := range serviceRoutes {
		if overlap(plugin, r) {
			return nil
		}
	}
	return schema.Errors{
		"protocols": "must match the protocols of at least one route pointing to this Plugin's service",
	}
}

func overlap(a, b map[string]any) bool {
	all, _ := a["protocols"].([]any)
	for _, p := range all {
		if name, ok := p.(string); ok && has(b, name) {
			return true
		}
	}
	return false
}
