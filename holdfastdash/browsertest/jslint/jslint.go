// Package jslint finds mistakes in JavaScript modules that a browser does not report: duplicate
// lines and keys, unused declarations, undeclared names, code that never runs. It needs no Node: it
// uses the syntax tree of a parser in Go.
package jslint

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// Check returns the problems of modules that are served together. Their keys are the names under
// which they import each other, without "./". Each problem begins with the name of its module.
// globals are the names that the browser declares.
func Check(modules map[string][]byte, globals []string) []string {
	c := &checker{globals: map[string]bool{}, modules: map[string]*module{}, imported: map[string]bool{}}
	for _, name := range globals {
		c.globals[name] = false
	}
	names := slices.Sorted(maps.Keys(modules))
	for _, name := range names {
		ast, err := js.Parse(parse.NewInputBytes(modules[name]), js.Options{})
		if err != nil {
			c.say(name, "cannot be parsed: %v", err)
			continue
		}
		c.modules[name] = newModule(ast)
	}
	if len(c.problems) > 0 { // what uses what is not known
		return c.problems
	}
	for _, name := range names {
		m := c.modules[name]
		c.checkNames(name, m)
		js.Walk(&walk{checker: c, module: name, exported: m.exports}, m.ast)
	}
	c.checkExports(modules)
	for _, name := range slices.Sorted(maps.Keys(c.globals)) {
		if !c.globals[name] {
			c.problems = append(c.problems, fmt.Sprintf("the globals name %s, which no module uses", name))
		}
	}
	return c.problems
}

type checker struct {
	problems []string
	modules  map[string]*module
	globals  map[string]bool // whether a module uses them
	imported map[string]bool // "dom.js h"
}

func (c *checker) say(module, format string, args ...any) {
	c.problems = append(c.problems, module+": "+fmt.Sprintf(format, args...))
}

// walk visits the syntax tree of one module.
type walk struct {
	*checker
	module   string
	exported map[string]bool
	depth    int
}

// Enter is called for every node on the way down.
func (w *walk) Enter(n js.INode) js.IVisitor {
	switch n := n.(type) {
	case *js.BlockStmt:
		w.unused(n.Scope, w.depth == 0)
		w.list(n.List)
		w.depth++
	case *js.SwitchStmt:
		w.unused(n.Scope, false)
		w.cases(n)
	case *js.CaseClause:
		w.list(n.List)
	case *js.ClassDecl:
		w.unused(n.Scope, false)
		w.members(n)
	case *js.ObjectExpr:
		w.keys(n)
	case *js.BinaryExpr:
		if n.Op == js.EqToken && n.X.String() == n.Y.String() {
			w.say(w.module, "%s is assigned to itself", n.X.String())
		}
	}
	return w
}

// Exit is called for every node on the way up.
func (w *walk) Exit(n js.INode) {
	if _, ok := n.(*js.BlockStmt); ok {
		w.depth--
	}
}
