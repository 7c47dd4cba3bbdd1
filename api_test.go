package holdfast_test

import (
	"bytes"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The files of api/ list what each package of the released modules exports. After a change, run the
// test with HOLDFAST_UPDATE=1 to update them: the diff shows what changed.
func TestAPI(t *testing.T) {
	if strconv.IntSize != 64 {
		t.Skip("the greatest int is part of the API")
	}
	if workspace := strings.Join(list(t, "-f", "{{.ImportPath}}", module+"/holdfastgrpc/..."), ""); workspace == "" {
		t.Skip("only in the workspace, which has all modules")
	}
	packages := releasedPackages(t)
	require.Contains(t, packages, module)
	require.Contains(t, packages, module+"/holdfastgrpc")
	read := exportData(t, packages)
	update := os.Getenv("HOLDFAST_UPDATE") != ""
	files := map[string]bool{filepath.Join("api", "README.md"): true}
	for _, path := range packages {
		pkg, err := read.Import(path)
		require.NoError(t, err)
		text := exported(pkg)
		if text == "" {
			continue // only tests read it
		}
		require.NotContains(t, text, "gobreaker", "the library behind the breaker is no part of the API")
		folder, _ := within(path)
		name := strings.ReplaceAll(strings.Replace(folder, ".", "holdfast", 1), "/", "_")
		file := filepath.Join("api", name+".txt")
		files[file] = true
		if update {
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			continue
		}
		want, _ := os.ReadFile(file)
		require.Equal(t, string(want), text, "%s exports something else than %s says; HOLDFAST_UPDATE=1 go test -run TestAPI . writes it anew", path, file)
	}
	found, err := filepath.Glob(filepath.Join("api", "*"))
	require.NoError(t, err)
	for _, file := range found {
		require.True(t, files[file], "%s is of no package; delete it", file)
	}
}

// releasedPackages returns the packages that a user can import: those of the root's module and of
// the modules called holdfast….
func releasedPackages(t *testing.T) (packages []string) {
	t.Helper()
	for _, line := range list(t, "-f", `{{if .GoFiles}}{{.ImportPath}},{{.Name}},{{.Module.Path}}{{end}}`, module+"/...") {
		pkg := strings.Split(line, ",")
		folder, _ := within(pkg[2])
		released := folder == "." || strings.HasPrefix(folder, "holdfast") && !strings.Contains(folder, "/")
		if released && pkg[1] != "main" && !strings.Contains(pkg[0], "/internal") {
			packages = append(packages, pkg[0])
		}
	}
	return packages
}

// exportData returns an importer that reads the compiler's export data of the packages.
func exportData(t *testing.T, packages []string) types.Importer {
	t.Helper()
	files := map[string]string{}
	for _, line := range list(t, append([]string{"-export", "-deps", "-f", `{{.ImportPath}},{{.Export}}`}, packages...)...) {
		path, file, _ := strings.Cut(line, ",")
		files[path] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
}

// exported returns a line for each exported name of a package.
func exported(pkg *types.Package) string {
	var text bytes.Buffer
	local := func(other *types.Package) string {
		if other == pkg {
			return ""
		}
		return other.Name()
	}
	for _, name := range pkg.Scope().Names() { // sorted
		o := pkg.Scope().Lookup(name)
		if !o.Exported() {
			continue
		}
		switch o := o.(type) {
		case *types.Const:
			fmt.Fprintf(&text, "%s = %s\n", types.ObjectString(o, local), o.Val())
		case *types.TypeName:
			writeType(&text, o, local)
		case *types.Func:
			fmt.Fprintln(&text, "func "+name+signature(o, local))
		default:
			fmt.Fprintln(&text, types.ObjectString(o, local))
		}
	}
	return text.String()
}

// writeType writes a type, its exported fields or methods, and the methods that are declared for
// it.
func writeType(text *bytes.Buffer, o *types.TypeName, local types.Qualifier) {
	named, ok := o.Type().(*types.Named)
	if !ok || o.IsAlias() {
		fmt.Fprintln(text, types.ObjectString(o, local))
		return
	}
	var members []string
	switch under := named.Underlying().(type) {
	case *types.Struct:
		fmt.Fprintf(text, "type %s struct\n", types.TypeString(named, local))
		for i := range under.NumFields() {
			if f := under.Field(i); f.Exported() {
				member := fmt.Sprintf("\t%s %s", f.Name(), types.TypeString(f.Type(), local))
				if f.Embedded() {
					member = "\tembedded " + types.TypeString(f.Type(), local)
				}
				if tag := under.Tag(i); tag != "" {
					member += " `" + tag + "`"
				}
				fmt.Fprintln(text, member) // in their order: some are written without names
			}
		}
	case *types.Interface:
		fmt.Fprintf(text, "type %s interface\n", types.TypeString(named, local))
		for m := range under.Methods() {
			member := "\tan unexported method"
			if m.Exported() {
				member = "\t" + m.Name() + signature(m, local)
			}
			members = append(members, member)
		}
	default:
		fmt.Fprintln(text, types.ObjectString(o, local))
	}
	for m := range named.Methods() {
		if m.Exported() {
			recv := types.TypeString(m.Signature().Recv().Type(), local)
			members = append(members, "\tfunc ("+recv+") "+m.Name()+signature(m, local))
		}
	}
	slices.Sort(members)
	for _, member := range slices.Compact(members) {
		fmt.Fprintln(text, member)
	}
}

// signature returns the types of a function's parameters and results. The names of parameters are
// not part of the API.
func signature(f *types.Func, local types.Qualifier) string {
	sig := f.Signature()
	unnamed := func(all *types.Tuple) *types.Tuple {
		var vars []*types.Var
		for v := range all.Variables() {
			vars = append(vars, types.NewParam(token.NoPos, nil, "", v.Type()))
		}
		return types.NewTuple(vars...)
	}
	var typeParams []string
	for p := range sig.TypeParams().TypeParams() {
		typeParams = append(typeParams, p.Obj().Name()+" "+types.TypeString(p.Constraint(), local))
	}
	text := types.TypeString(types.NewSignatureType(nil, nil, nil, unnamed(sig.Params()), unnamed(sig.Results()), sig.Variadic()), local)
	text = strings.TrimPrefix(text, "func")
	if typeParams != nil {
		text = "[" + strings.Join(typeParams, ", ") + "]" + text
	}
	return text
}
