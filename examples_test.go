package holdfast_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// withoutExample are the exported constructors that no Example can use, and why.
var withoutExample = map[string]string{
	"storm.Run": "it takes a testing.TB, which an Example has not; storm.Play is the same without one",
}

// Whoever reads a package's documentation finds how each constructor is used, options included.
func TestEveryConstructorHasAnExample(t *testing.T) {
	exempt := map[string]bool{}
	for _, path := range releasedPackages(t) {
		folder, _ := within(path)
		files := token.NewFileSet()
		sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		var parsed []*ast.File
		used := map[string]bool{}
		for _, source := range sources {
			file, err := parser.ParseFile(files, source, nil, parser.ParseComments)
			require.NoError(t, err)
			parsed = append(parsed, file)
			isExample := strings.HasSuffix(source, "example_test.go") // its other functions serve the Examples
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && (isExample || strings.HasPrefix(f.Name.Name, "Example")) {
					namesIn(f, used)
				}
			}
		}
		pkg, err := doc.NewFromFiles(files, parsed, path)
		require.NoError(t, err, path)
		for _, kind := range pkg.Types {
			for _, f := range kind.Funcs {
				name := pkg.Name + "." + f.Name
				if _, ok := withoutExample[name]; ok {
					exempt[name] = true
					continue
				}
				if !used[f.Name] {
					t.Errorf("%s is used in no Example; write one, or say in withoutExample why there can be none", name)
				}
			}
		}
	}
	require.Len(t, exempt, len(withoutExample), "withoutExample names what does not exist (any more)")
}

// namesIn adds the names that a function uses.
func namesIn(f *ast.FuncDecl, used map[string]bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			used[id.Name] = true
		}
		return true
	})
}
