package jslint

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tdewolff/parse/v2/js"
)

// module is a file, with its imports and exports.
type module struct {
	ast     *js.AST
	imports []imported
	exports map[string]bool
}

// imported is a name that a module imports from another one.
type imported struct{ from, name, as string }

func newModule(ast *js.AST) *module {
	m := &module{ast: ast, exports: map[string]bool{}}
	for _, s := range ast.List {
		switch s := s.(type) {
		case *js.ImportStmt:
			from := strings.TrimPrefix(strings.Trim(string(s.Module), `"'`), "./")
			for _, a := range s.List {
				name := string(a.Name)
				if name == "" {
					name = string(a.Binding)
				}
				m.imports = append(m.imports, imported{from, name, string(a.Binding)})
			}
			if s.Default != nil {
				m.imports = append(m.imports, imported{from, "default", string(s.Default)})
			}
		case *js.ExportStmt:
			for _, name := range declaredBy(s.Decl) {
				m.exports[name] = true
			}
			for _, a := range s.List {
				m.exports[string(a.Binding)] = true
			}
		}
	}
	return m
}

// declaredBy returns the names that an exported declaration declares.
func declaredBy(decl js.IExpr) (names []string) {
	switch d := decl.(type) {
	case *js.FuncDecl:
		names = append(names, string(d.Name.Data))
	case *js.ClassDecl:
		names = append(names, string(d.Name.Data))
	case *js.VarDecl:
		for _, e := range d.List {
			if v, ok := e.Binding.(*js.Var); ok {
				names = append(names, string(v.Data))
			}
		}
	}
	return names
}

// checkNames finds undeclared names, and imports that are wrong or unused.
func (c *checker) checkNames(name string, m *module) {
	free := map[string]bool{} // what the module uses and does not declare
	for _, v := range m.ast.Undeclared {
		if v.Decl == js.NoDecl && v.Uses > 0 {
			free[string(v.Data)] = true
		}
	}
	for _, i := range m.imports {
		c.imported[i.from+" "+i.name] = true
		from := c.modules[i.from]
		switch {
		case from == nil:
			c.say(name, "%s is imported from %s, and there is no such module", i.name, i.from)
		case !from.exports[i.name]:
			c.say(name, "%s is imported from %s, which does not export it", i.name, i.from)
		}
		if !free[i.as] {
			c.say(name, "%s is imported and not used", i.as)
		}
		delete(free, i.as)
	}
	for _, used := range slices.Sorted(maps.Keys(free)) {
		if _, known := c.globals[used]; known {
			c.globals[used] = true
			continue
		}
		c.say(name, "%s is used, and nobody declares it", used)
	}
}

// checkExports finds exports that no module imports or names as a type in a comment.
func (c *checker) checkExports(sources map[string][]byte) {
	for _, name := range slices.Sorted(maps.Keys(c.modules)) {
		for _, export := range slices.Sorted(maps.Keys(c.modules[name].exports)) {
			if c.imported[name+" "+export] {
				continue
			}
			asType := regexp.MustCompile(regexp.QuoteMeta(`import("./`+name+`").`+export) + `\b`)
			if !slices.ContainsFunc(slices.Collect(maps.Values(sources)), asType.Match) {
				c.say(name, "%s is exported, and no module imports it", export)
			}
		}
	}
}

// unused finds unused declarations of a scope: variables, functions, classes, private members, and
// parameters if no later parameter is used.
func (w *walk) unused(s js.Scope, top bool) {
	for i, v := range s.Declared {
		name := string(v.Data)
		if v.Uses > 1 || top && w.exported[name] || v.Decl == js.ExprDecl {
			continue
		}
		laterUsed := slices.ContainsFunc(s.Declared[i+1:], func(o *js.Var) bool { return o.Decl == js.ArgumentDecl && o.Uses > 1 })
		if v.Decl == js.ArgumentDecl && laterUsed {
			continue
		}
		w.say(w.module, "%s is declared and not used", name)
	}
}
