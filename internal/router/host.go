package router

import (
	"fmt"
	"strings"

	"sallyport/internal/message"
)

type hostKind uint8

const (
	exactName hostKind = iota
	nameSuffix
	namePrefix
)

// hostPattern is one value of hosts or snis.
type hostPattern struct {
	kind hostKind
	// name is the folded name, for a wildcard without its '*' but with the dot
	// beside it.
	name string
	// port is that of the listener, 0 for any.
	port int
}

func compileHosts(values []string) ([]hostPattern, error) {
	var patterns []hostPattern
	for _, value := range values {
		p, err := compileHost(value)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

// compileHost reads a name, "*.name" or "name.*", each with an optional port.
func compileHost(value string) (hostPattern, error) {
	p := hostPattern{kind: exactName}
	// A label stands in for the wildcard, so that one parser judges all names.
	const label = "x"
	probe := value
	switch {
	case strings.HasPrefix(value, "*."):
		p.kind, probe = nameSuffix, label+value[1:]
	case strings.HasSuffix(value, ".*"), strings.Contains(value, ".*:"):
		p.kind = namePrefix
		probe = strings.Replace(value, ".*", "."+label, 1)
	}
	var ok bool
	if p.name, p.port, ok = message.ParseAuthority(probe); !ok {
		return p, fmt.Errorf("invalid host %q", value)
	}
	switch p.kind {
	case nameSuffix:
		p.name = p.name[len(label):]
	case namePrefix:
		p.name = p.name[:len(p.name)-len(label)]
	case exactName:
	}
	return p, nil
}

// matches compares with a folded name.
func (p hostPattern) matches(name string) bool {
	switch p.kind {
	case nameSuffix:
		return strings.HasSuffix(name, p.name)
	case namePrefix:
		return strings.HasPrefix(name, p.name)
	case exactName:
	}
	return name == p.name
}
