package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
)

// mutant is one mistake: some bytes of a file replaced by others.
type mutant struct {
	pkg        string // import path
	file       string // as given to the compiler
	name       string // within the module
	line       int
	function   string // "Do", "(*Breaker).Do"
	kind       string
	start, end int // in the file
	was, is    string
	nth        int // of those of the same words in the func, from 1
}

func (m *mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.name, m.line, m.words()) }

// id names the mutant as survivors.txt does: without the line, which moves.
func (m *mutant) id() string { return m.name + ": " + m.words() }

func (m *mutant) words() string {
	words := m.function + ": " + m.kind + ": " + oneLine(m.was)
	if m.is != "" {
		words += " -> " + oneLine(m.is)
	}
	if m.nth > 1 {
		words += fmt.Sprintf(" (%d)", m.nth)
	}
	return words
}

// source returns the file with the mistake in it.
func (m *mutant) source() ([]byte, error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{text[:m.start], []byte(m.is), text[m.end:]}, nil), nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// everyMutant returns every mistake that can be made in the packages, and the packages.
func everyMutant(patterns []string) ([]*mutant, []listed, error) {
	packages, err := list(patterns)
	if err != nil {
		return nil, nil, err
	}
	all, err := list(append([]string{"-export", "-deps"}, patterns...))
	if err != nil {
		return nil, nil, err
	}
	exports := map[string]string{}
	for _, p := range all {
		exports[p.ImportPath] = p.Export
	}
	top, err := os.Getwd()
	if err != nil {
		return nil, nil, err
	}
	var found []*mutant
	for _, p := range packages {
		of, err := mutantsOf(p, top, exports)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, of...)
	}
	return found, packages, nil
}

// mutantsOf returns every mistake that can be made in a package. Its files are named from top, and
// exports says in which files the types of other packages are.
func mutantsOf(p listed, top string, exports map[string]string) ([]*mutant, error) {
	set, texts := token.NewFileSet(), make([][]byte, len(p.GoFiles))
	trees := make([]*ast.File, len(p.GoFiles))
	for i, file := range p.GoFiles {
		text, err := os.ReadFile(filepath.Join(p.Dir, file))
		if err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		texts[i], trees[i] = text, tree
	}
	known := typesOf(p, set, trees, exports)
	var found []*mutant
	for i, tree := range trees {
		path := filepath.Join(p.Dir, p.GoFiles[i])
		name, err := filepath.Rel(top, path)
		if err != nil {
			return nil, err
		}
		f := &finder{set: set, text: texts[i], types: known, pkg: p.ImportPath, file: path, name: filepath.ToSlash(name), seen: map[string]int{}}
		for _, d := range tree.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
				f.function, f.results = f.nameOf(d), d.Type.Results
				ast.Inspect(d.Body, f.visit)
			}
		}
		found = append(found, f.found...)
	}
	return found, nil
}

// finder collects the mistakes of a file.
type finder struct {
	set             *token.FileSet
	text            []byte
	types           map[ast.Expr]types.TypeAndValue
	pkg, file, name string
	function        string
	results         *ast.FieldList
	found           []*mutant
	seen            map[string]int // how many there are of the same words
}

// nameOf returns a func's name, with its receiver's type.
func (f *finder) nameOf(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	receiver := f.textOf(d.Recv.List[0].Type)
	if strings.HasPrefix(receiver, "*") {
		receiver = "(" + receiver + ")"
	}
	return receiver + "." + d.Name.Name
}

func (f *finder) add(kind string, from, to token.Pos, is string) {
	start, end := f.set.Position(from), f.set.Position(to)
	m := &mutant{
		pkg: f.pkg, file: f.file, name: f.name, line: start.Line, function: f.function, kind: kind,
		start: start.Offset, end: end.Offset, was: string(f.text[start.Offset:end.Offset]), is: is,
	}
	f.seen[m.words()]++
	m.nth = f.seen[m.words()]
	f.found = append(f.found, m)
}

// other is what an operator is mistaken for.
var other = map[token.Token]struct{ kind, is string }{
	token.LSS: {"boundary", "<="}, token.LEQ: {"boundary", "<"}, token.GTR: {"boundary", ">="}, token.GEQ: {"boundary", ">"},
	token.EQL: {"comparison", "!="}, token.NEQ: {"comparison", "=="},
	token.LAND: {"logic", "||"}, token.LOR: {"logic", "&&"},
	token.ADD: {"arithmetic", "-"}, token.SUB: {"arithmetic", "+"}, token.MUL: {"arithmetic", "/"}, token.QUO: {"arithmetic", "*"},
}

func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncLit: // with results of its own
		outer := f.results
		f.results = n.Type.Results
		ast.Inspect(n.Body, f.visit)
		f.results = outer
		return false
	case *ast.BinaryExpr:
		if o, ok := other[n.Op]; ok {
			f.add(o.kind, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), o.is)
		}
	case *ast.IfStmt:
		f.add("negation", n.Cond.Pos(), n.Cond.End(), "!("+f.textOf(n.Cond)+")")
	case *ast.ExprStmt:
		if f.textOf(n) != "t.Helper()" { // which moves the line that a failure names, and no more
			f.add("removed statement", n.Pos(), n.End(), "")
		}
	case *ast.IncDecStmt, *ast.DeferStmt:
		f.add("removed statement", n.Pos(), n.End(), "")
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			f.add("removed statement", n.Pos(), n.End(), "")
		}
	case *ast.ReturnStmt:
		if len(n.Results) > 0 {
			f.zeroReturn(n)
		}
	}
	return true
}

func (f *finder) textOf(n ast.Node) string {
	return string(f.text[f.set.Position(n.Pos()).Offset:f.set.Position(n.End()).Offset])
}

// zeroReturn adds the return of zero values, unless n returns them already.
func (f *finder) zeroReturn(n *ast.ReturnStmt) {
	var zeros []string
	other := false
	for _, field := range f.results.List {
		for range max(1, len(field.Names)) {
			i := len(zeros)
			zeros = append(zeros, "*new("+f.textOf(field.Type)+")")
			other = other || i >= len(n.Results) || !isZero(f.types, n.Results[i], f.types[field.Type].Type)
		}
	}
	if other {
		f.add("zero return", n.Pos(), n.End(), "return "+strings.Join(zeros, ", "))
	}
}
