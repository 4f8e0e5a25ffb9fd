package openidconnect

import "sallyport/internal/plugin"

// adminPaths are the plugin's paths on the Admin API.
func (f *family) adminPaths() []plugin.AdminPath { return nil }
