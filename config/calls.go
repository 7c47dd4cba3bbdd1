package config

import (
	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/lint"
)

// readCalls reads a list of services, as names or as {service: fraud, per_call: 2}.
func (s *source) readCalls(l *layer, n *yaml.Node, path string) (calls []call) {
	k, _ := keyOf("calls")
	if n.Kind != yaml.SequenceNode {
		s.fail(n, path, " is %s; %s", describe(n), k.want())
		return nil
	}
	known := map[string]bool{}
	for _, item := range n.Content {
		item = deref(item)
		c := call{Call: lint.Call{PerCall: 1}, at: item, path: path}
		switch {
		case item.Kind == yaml.MappingNode:
			if !s.readCall(&c, item, path) {
				continue
			}
		case item.Kind == yaml.ScalarNode && item.ShortTag() != "!!null" && item.Value != "":
			c.Service = item.Value
		default:
			s.failIn(item, path, "a service is %s; want its name, or {service: fraud, per_call: 2}", describe(item))
			continue
		}
		if known[c.Service] {
			s.failIn(c.at, path, "%s is there twice; want it once, with per_call to say how often", quoted(c.Service))
			continue
		}
		known[c.Service] = true
		calls = append(calls, c)
	}
	return calls
}

func (s *source) readCall(c *call, n *yaml.Node, path string) bool {
	perCall := key{kind: kindNumber}
	good := true
	for _, p := range s.pairs(n, path) {
		switch p.name {
		case "service":
			if p.value.Kind != yaml.ScalarNode || p.value.ShortTag() == "!!null" || p.value.Value == "" {
				s.wrongKind(p, path+".service", "want the name of a service")
				good = false
				continue
			}
			c.Service, c.at = p.value.Value, p.value
		case "per_call":
			v, ok := perCall.read(s, p.value, path+".per_call")
			c.PerCall, _ = v.(float64)
			good = good && ok
		default:
			s.unknown(p, path, []string{"service", "per_call"}, "")
			good = false
		}
	}
	if good && c.Service == "" {
		s.failIn(n, path, "an entry has no service; want its name, as in {service: fraud, per_call: 2}")
		good = false
	}
	return good
}

// checkCalls notes calls to services that are not in the file.
func (f *file) checkCalls() {
	var names []string
	for _, l := range f.services {
		names = append(names, l.name)
	}
	for _, l := range f.services {
		for _, c := range l.calls {
			if f.byName[c.Service] == nil {
				f.failIn(c.at, c.path, "there is no service %s in this file%s", quoted(c.Service), f.once("service "+c.Service, func() string { return f.suggest(c.Service, names) }))
			}
		}
	}
}
