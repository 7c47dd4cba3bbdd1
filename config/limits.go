package config

import "go.yaml.in/yaml/v3"

const (
	maxDepth    = 64      // of a value in a value
	maxAliased  = 200_000 // values that aliases add to those that are written
	maxServices = 10_000
	maxChain    = 16  // templates, each of which starts from the next
	maxName     = 200 // bytes in the name of a service or template

	// maxDirectives is how many lines may begin with %. The parser compares each directive with all
	// before it.
	maxDirectives = 100
)

// effort counts what a careless reader would do again and again. Tests hold it in proportion to
// the size of a file.
type effort struct {
	parsed   int // bytes given to the YAML parser
	walked   int // bytes and lines passed on the way to a place
	compared int // names held against one that was written
}

// checkSize follows aliases without copying anything, and refuses a file that would become too
// large or too deep if they were copied: a few lines of aliases of aliases stand for billions of
// values ("billion laughs").
func (s *source) checkSize(root *yaml.Node) bool {
	c := sizes{source: s, known: map[*yaml.Node]size{}}
	return c.of(root, 1).depth > 0
}

// size is how large a value is, with aliases followed; a depth of 0 says that it was refused.
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
		c.known[n] = size{} // while it is measured: an alias of it inside of it would never end
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
