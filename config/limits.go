package config

import "go.yaml.in/yaml/v3"

const (
	maxDepth    = 64      // how deep values may be nested
	maxAliased  = 200_000 // how many values aliases may add
	maxServices = 10_000
	maxChain    = 16  // how many templates may start from one another, a built-in one included
	maxName     = 200 // bytes in the name of a service or template

	// maxDirectives is how many lines may begin with %. The YAML parser compares each directive
	// with all before it, so its time is quadratic.
	maxDirectives = 100
)

// effort counts work that could become quadratic. Tests check that it stays proportional to the
// size of a file.
type effort struct {
	parsed   int // bytes given to the YAML parser
	walked   int // bytes and lines passed to find a line and column
	compared int // candidates compared to find what was meant
}

// checkSize follows aliases without copying anything, and refuses a file that would become too
// large or too deep if they were copied: a few lines of aliases of aliases stand for billions of
// values ("billion laughs").
func (s *source) checkSize(root *yaml.Node) bool {
	c := sizes{source: s, known: map[*yaml.Node]size{}}
	return c.of(root, 1).depth > 0
}

// size is how large a value is, with aliases followed. A depth of 0 means that the value was
// refused.
type size struct {
	nodes, aliased int64
	depth          int
}

type sizes struct {
	*source
	known map[*yaml.Node]size // of values with an anchor
}

func (c *sizes) of(n *yaml.Node, at int) size {
	if at > maxDepth {
		c.fail(n, "", "a value nested more than %d deep; want fewer levels", maxDepth)
		return size{}
	}
	if n.Kind == yaml.AliasNode {
		return c.alias(n, at)
	}
	if n.Anchor != "" {
		c.known[n] = size{} // while it is measured, so that alias finds an alias inside its own anchor, which would never end
	}
	sum := size{nodes: 1, depth: 1}
	for _, child := range n.Content {
		d := c.of(child, at+1)
		if d.depth == 0 {
			return size{}
		}
		sum.nodes, sum.aliased, sum.depth = sum.nodes+d.nodes, sum.aliased+d.aliased, max(sum.depth, d.depth+1)
		if sum.aliased > maxAliased {
			c.fail(n, "", "aliases make this more than %d values; want fewer of them", maxAliased)
			return size{}
		}
	}
	if n.Anchor != "" {
		c.known[n] = sum
	}
	return sum
}

func (c *sizes) alias(n *yaml.Node, at int) size {
	d, ok := c.known[n.Alias]
	switch {
	case !ok || d.depth == 0:
		c.fail(n, "", "the alias *%s stands inside of its own anchor; want it outside", n.Value)
		return size{}
	case at+d.depth > maxDepth:
		c.fail(n, "", "a value nested more than %d deep; want fewer levels", maxDepth)
		return size{}
	}
	return size{nodes: d.nodes, aliased: d.nodes, depth: d.depth}
}
