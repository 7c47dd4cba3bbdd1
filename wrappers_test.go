package holdfast_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every error of this module that wraps another one has a method Origin, by which resilience.Origin
// finds the dependency's own error inside. A type may have it by embedding. Package config is left
// out: its errors do not wrap a dependency's.
func TestEveryWrapperTellsItsOrigin(t *testing.T) {
	methods := map[string]map[string]bool{} // by type
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		first, _, _ := strings.Cut(filepath.ToSlash(path), "/")
		ours := first == path || first == "resilience" || first == "adapter" || strings.HasPrefix(first, "holdfast")
		if !ours || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil {
				receiver := filepath.Dir(path) + "." + receiverOf(f)
				if methods[receiver] == nil {
					methods[receiver] = map[string]bool{}
				}
				methods[receiver][f.Name.Name] = true
			}
		}
		return nil
	}))
	wrappers := 0
	for name, has := range methods {
		if !has["Error"] || !has["Unwrap"] {
			continue
		}
		wrappers++
		require.True(t, has["Origin"], "%s wraps an error and has no method Origin() error", name)
	}
	require.Positive(t, wrappers)
}

func receiverOf(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
