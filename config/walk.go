package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// pair is a key of a mapping and its value. value is never an alias, but the node that the alias
// stands for.
type pair struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
}

// pairs returns the pairs of a mapping, those of its merge keys (<<) included. A key of the mapping
// itself has precedence over a merged one, and an earlier merge over a later one. A duplicate key
// is noted as a problem, and the first one counts.
func (s *source) pairs(n *yaml.Node, path string) []pair {
	own, merged := s.ownPairs(n, path)
	if len(merged) == 0 {
		return own
	}
	known := make(map[string]bool, len(own))
	for _, p := range own {
		known[p.name] = true
	}
	for _, m := range merged {
		for _, p := range s.pairs(m, path) {
			if !known[p.name] {
				known[p.name] = true
				own = append(own, p)
			}
		}
	}
	return own
}

func (s *source) ownPairs(n *yaml.Node, path string) (own []pair, merged []*yaml.Node) {
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], deref(n.Content[i+1])
		name, ok := s.keyName(k, path)
		if !ok {
			continue
		}
		if f, ok := first[name]; ok {
			s.failIn(k, path, "key %s is there twice, first on line %d; want it once", quoted(name), f.Line)
			continue
		}
		first[name] = k
		if k.ShortTag() == "!!merge" {
			merged = append(merged, s.mergedFrom(n.Content[i+1], path)...)
			continue
		}
		own = append(own, pair{name: name, key: k, value: v})
	}
	return own, merged
}

func (s *source) keyName(k *yaml.Node, path string) (string, bool) {
	name := deref(k)
	switch {
	case name.Kind != yaml.ScalarNode:
		s.failIn(k, path, "a key is %s; want a name%s", describe(name), oddity(&yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: []*yaml.Node{name}}))
		return "", false
	case name.Value == "" || name.ShortTag() == "!!null":
		s.failIn(k, path, "a key without a name; want one")
		return "", false
	}
	return name.Value, true
}

// mergedFrom returns the mappings that a merge key names: one, or a list of them.
func (s *source) mergedFrom(n *yaml.Node, path string) (from []*yaml.Node) {
	target := deref(n)
	all := []*yaml.Node{target}
	if target.Kind == yaml.SequenceNode {
		all = target.Content
	}
	for _, m := range all {
		if d := deref(m); d.Kind == yaml.MappingNode {
			from = append(from, d)
			continue
		}
		s.failIn(n, path, "<< merges %s; want the alias of a mapping, such as *base, or a list of them", describe(deref(m)))
	}
	return from
}

// deref returns the node that an alias stands for, or n if it is no alias. It ends, since checkSize
// refuses an alias inside its own anchor.
func deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// unknown notes an unknown key. candidates are the known ones. more is a hint, "" if there is none.
func (s *source) unknown(p pair, path string, candidates []string, more string) {
	if more == "" {
		more = s.suggest(p.name, candidates)
	}
	if more == "" && len(candidates) <= 12 {
		more = "; want one of " + strings.Join(candidates, ", ")
	}
	s.failIn(p.key, path, "unknown key %s%s", quoted(p.name), more)
}

// quoted returns a text in quotes. A long one is shortened.
func quoted(text string) string { return fmt.Sprintf("%q", shortened(text)) }

// escaped is quoted without the quotes.
func escaped(text string) string {
	q := quoted(text)
	return q[1 : len(q)-1]
}

const maxShown = 60

func shortened(text string) string {
	if utf8.RuneCountInString(text) <= maxShown {
		return text
	}
	return string([]rune(text)[:maxShown]) + "…"
}

// describe returns a value as messages show it.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!str":
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 || n.Value == "" || strings.ContainsFunc(n.Value, notPlain) {
			return "the text " + quoted(n.Value)
		}
	}
	return escaped(n.Value)
}

func notPlain(r rune) bool { return r == ' ' || r == '"' || r == '\\' || r == '\n' }
