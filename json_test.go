package holdfast_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
)

// Names in JSON of this project are words in lower case, with seconds as the only unit.
// (unix_ms is a point in time, for the page's JavaScript.)
var (
	snakeCase  = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	otherUnits = regexp.MustCompile(`_(ns|us|ms|nanos|micros|millis|nanoseconds|microseconds|milliseconds|sec|secs|minutes|hours)$`)
)

// Every field with a json tag, of every struct of every module: its name is in snake_case, its unit
// is seconds if it has one, and no time.Duration is written as it is, which would be nanoseconds.
// If one field of a struct has a tag, each has.
func TestJSONIsInSnakeCaseAndSeconds(t *testing.T) {
	found := 0
	for _, file := range sources(t) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			names, untagged := tagged(t, s)
			for name, of := range names {
				found++
				if !snakeCase.MatchString(name) {
					t.Errorf("%s: %q is not in snake_case", file, name)
				}
				if otherUnits.MatchString(name) && !strings.HasSuffix(name, "unix_ms") {
					t.Errorf("%s: %q is not in seconds", file, name)
				}
				if of == "time.Duration" {
					t.Errorf("%s: %q is a time.Duration; want json:\"-\", and a MarshalJSON that writes seconds", file, name)
				}
			}
			if len(names) > 0 && untagged != "" {
				t.Errorf("%s: %s has no json tag, and its neighbors have", file, untagged)
			}
			return true
		})
	}
	require.Greater(t, found, 100)
}

// sources returns the Go files of the repository, without tests.
func sources(t *testing.T) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			files = append(files, path)
		}
		return err
	}))
	return files
}

// tagged returns the JSON names of a struct's fields, with their types, and an exported field that
// has no tag, if there is one. Embedded fields need none.
func tagged(t *testing.T, s *ast.StructType) (names map[string]string, untagged string) {
	t.Helper()
	names = map[string]string{}
	for _, field := range s.Fields.List {
		tag := ""
		if field.Tag != nil {
			text, err := strconv.Unquote(field.Tag.Value)
			require.NoError(t, err)
			tag = reflect.StructTag(text).Get("json")
		}
		name, _, _ := strings.Cut(tag, ",")
		of := ""
		if qualified, ok := field.Type.(*ast.SelectorExpr); ok {
			if pkg, ok := qualified.X.(*ast.Ident); ok {
				of = pkg.Name + "." + qualified.Sel.Name
			}
		}
		switch {
		case name == "-":
		case name != "":
			names[name] = of
		case len(field.Names) > 0 && field.Names[0].IsExported():
			untagged = field.Names[0].Name
		}
	}
	return names, untagged
}

// The JSON of a Snapshot or a Status has each of its durations, in seconds.
func TestEveryDurationIsInTheJSON(t *testing.T) {
	durations := 0
	for _, v := range []any{&holdfast.Snapshot{}, &holdfast.Status{}} {
		fillAll(reflect.ValueOf(v).Elem())
		text, err := json.Marshal(v)
		require.NoError(t, err)
		var written any
		require.NoError(t, json.Unmarshal(text, &written))
		durations += wantDurations(t, reflect.TypeOf(v).Elem(), written)
	}
	require.Equal(t, 5, durations, "a breaker's RetryAfter in both; a probe's Elapsed; Window and LastAgo of the recent calls")
}

const filledWith = 1500 * time.Millisecond

// fillAll sets every field of v that JSON can write to a value that is not zero.
func fillAll(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fillAll(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillAll(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillAll(v.Index(0))
	case reflect.Int64:
		v.SetInt(int64(filledWith))
	case reflect.Uint64:
		v.SetUint(1)
	}
}

// wantDurations looks for each time.Duration of a type in its JSON, and returns how many there are.
func wantDurations(t *testing.T, of reflect.Type, written any) (n int) {
	t.Helper()
	switch of.Kind() {
	case reflect.Pointer:
		return wantDurations(t, of.Elem(), written)
	case reflect.Slice:
		if list, ok := written.([]any); ok && len(list) > 0 {
			return wantDurations(t, of.Elem(), list[0])
		}
	case reflect.Struct:
		object, ok := written.(map[string]any)
		require.True(t, ok, "%v is %v", of, written)
		for field := range of.Fields() {
			if field.Type == reflect.TypeFor[time.Duration]() {
				n++
				require.InDelta(t, filledWith.Seconds(), object[inSnakeCase(field.Name)+"_seconds"], 0, "%v.%s", of, field.Name)
				continue
			}
			if field.Anonymous {
				n += wantDurations(t, field.Type, written)
				continue
			}
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if below, ok := object[name]; ok {
				n += wantDurations(t, field.Type, below)
			}
		}
	}
	return n
}

var capital = regexp.MustCompile(`(.)([A-Z])`)

// inSnakeCase returns "RetryAfter" as "retry_after".
func inSnakeCase(name string) string {
	return strings.ToLower(capital.ReplaceAllString(name, "${1}_$2"))
}
