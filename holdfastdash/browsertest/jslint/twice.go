package jslint

import (
	"strings"

	"github.com/tdewolff/parse/v2/js"
)

// list finds equal statements in a row, and unreachable statements.
func (w *walk) list(statements []js.IStmt) {
	ended := false
	for i, s := range statements {
		if _, hoisted := s.(*js.FuncDecl); ended && !hoisted {
			w.say(w.module, "%s is never reached", short(s))
			return
		}
		if i > 0 && s.String() == statements[i-1].String() {
			w.say(w.module, "%s stands twice in a row", short(s))
		}
		ended = ended || ends(s)
	}
}

// ends reports whether the code after a statement is unreachable.
func ends(s js.IStmt) bool {
	switch s := s.(type) {
	case *js.ReturnStmt, *js.ThrowStmt, *js.BranchStmt:
		return true
	case *js.IfStmt:
		return s.Else != nil && ends(s.Body) && ends(s.Else)
	case *js.BlockStmt:
		for _, inner := range s.List {
			if ends(inner) {
				return true
			}
		}
	}
	return false
}

// keys finds duplicate keys of an object.
func (w *walk) keys(o *js.ObjectExpr) {
	seen := map[string]bool{}
	for _, p := range o.List {
		var key string
		switch method, ok := p.Value.(*js.MethodDecl); {
		case ok && !method.Name.IsComputed():
			key = accessor(method) + method.Name.String()
		case p.Name != nil && !p.Name.IsComputed():
			key = unquoted(p.Name.String())
		default:
			continue
		}
		if seen[key] {
			w.say(w.module, "key %s is there twice in an object", key)
		}
		seen[key] = true
	}
}

// members finds duplicate members of a class.
func (w *walk) members(c *js.ClassDecl) {
	seen := map[string]bool{}
	for _, e := range c.List {
		name, prefix := e.Name, ""
		if e.StaticBlock != nil {
			continue
		}
		static := e.Static
		if e.Method != nil {
			name, prefix, static = e.Method.Name, accessor(e.Method), e.Method.Static
		}
		if name.IsComputed() {
			continue
		}
		member := prefix + name.String()
		if static {
			member = "static " + member
		}
		if seen[member] {
			w.say(w.module, "member %s is there twice in a class", member)
		}
		seen[member] = true
	}
}

// accessor distinguishes a getter from a setter with the same name.
func accessor(m *js.MethodDecl) string {
	switch {
	case m.Get:
		return "get "
	case m.Set:
		return "set "
	}
	return ""
}

// cases finds duplicate cases of a switch.
func (w *walk) cases(s *js.SwitchStmt) {
	seen := map[string]bool{}
	for _, c := range s.List {
		label := "default"
		if c.Cond != nil {
			label = "case " + c.Cond.String()
		}
		if seen[label] {
			w.say(w.module, "%s is there twice in a switch", label)
		}
		seen[label] = true
	}
}

// unquoted returns a key without quotes: {a: 1, "a": 2} has a duplicate key.
func unquoted(key string) string {
	if len(key) > 1 && (key[0] == '"' || key[0] == '\'') {
		return key[1 : len(key)-1]
	}
	return key
}

// short returns the beginning of a statement.
func short(s js.IStmt) string {
	var text writer
	s.JS(&text)
	code := strings.TrimSuffix(string(text), ";")
	if len(code) > 60 {
		return strings.ToValidUTF8(code[:60], "") + "…"
	}
	return code
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
