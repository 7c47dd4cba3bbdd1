package main

import (
	"go/ast"
	"go/constant"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
)

// typesOf returns the types of a package's expressions, and the values of its constants. exports
// says in which files the types of other packages are. What cannot be found out is left out.
func typesOf(p listed, set *token.FileSet, trees []*ast.File, exports map[string]string) map[ast.Expr]types.TypeAndValue {
	known := map[ast.Expr]types.TypeAndValue{}
	c := types.Config{
		Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }),
		Error:    func(error) {}, // go on: it is the compiler's to complain
	}
	_, _ = c.Check(p.ImportPath, set, trees, &types.Info{Types: known})
	return known
}

// isZero reports whether an expression, returned as a result of type to, is the zero value of that
// type: returning the zero value in its place is no mistake. Where it cannot tell it says no.
func isZero(known map[ast.Expr]types.TypeAndValue, e ast.Expr, to types.Type) bool {
	e = ast.Unparen(e)
	is := known[e]
	switch {
	case is.IsNil():
		return true
	case to == nil || is.Type == nil || types.IsInterface(to): // a 0 in an interface is not nil
		return false
	case is.Value != nil:
		return isZeroConstant(is.Value)
	}
	literal, ok := e.(*ast.CompositeLit)
	if !ok || len(literal.Elts) > 0 {
		return false
	}
	switch is.Type.Underlying().(type) {
	case *types.Struct, *types.Array:
		return true
	}
	return false // an empty slice or map is not nil
}

func isZeroConstant(v constant.Value) bool {
	switch v.Kind() {
	case constant.Bool:
		return !constant.BoolVal(v)
	case constant.String:
		return constant.StringVal(v) == ""
	case constant.Int, constant.Float, constant.Complex:
		return constant.Sign(v) == 0
	}
	return false
}
