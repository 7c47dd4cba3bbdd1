package agree_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastaws"
	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/holdfastmysql"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/holdfastredis"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The convention of package adapter. What the code has is read from its source, so that a new
// adapter, constructor or option that is not tried here fails by its name.

// classifiers are the adapters' own.
var classifiers = map[string]resilience.Classifier{
	"holdfastconnect": holdfastconnect.Classify,
	"holdfastaws":     holdfastaws.Classify, "holdfastgrpc": holdfastgrpc.Classify, "holdfasthttp": holdfasthttp.Classify,
	"holdfastmysql": holdfastmysql.Classify, "holdfastpgx": holdfastpgx.Classify, "holdfastredis": holdfastredis.Classify, "holdfastsql": holdfastsql.Classify,
}

// noAdapters are the folders of that name that are no adapters.
var noAdapters = []string{"holdfastdash", "holdfastfleet", "holdfastotel", "holdfastprom"}

// given are the options of a constructor: one that is nil, or those of the test.
type given struct {
	p    *holdfast.Pipeline
	opts any // a slice of the package's Option; nil: none
}

func optionsOf[O any](g given) []O {
	opts, _ := g.opts.([]O)
	return opts
}

// constructor calls one with no client.
type constructor struct {
	option reflect.Type // the package's
	make   func(given) error
}

func made[T any](_ T, err error) error { return err }

func constructors() map[string]constructor {
	grpcOption, httpOption := reflect.TypeFor[holdfastgrpc.Option](), reflect.TypeFor[holdfasthttp.Option]()
	redisOption, sqlOption := reflect.TypeFor[holdfastredis.Option](), reflect.TypeFor[holdfastsql.Option]()
	awsOption := reflect.TypeFor[holdfastaws.Option]()
	connectOption := reflect.TypeFor[holdfastconnect.Option]()
	return map[string]constructor{
		"holdfastconnect.NewClientInterceptor": {connectOption, func(g given) error {
			return made(holdfastconnect.NewClientInterceptor(g.p, optionsOf[holdfastconnect.Option](g)...))
		}},
		"holdfastconnect.NewHandlerInterceptor": {connectOption, func(g given) error {
			return made(holdfastconnect.NewHandlerInterceptor(g.p, optionsOf[holdfastconnect.Option](g)...))
		}},
		"holdfastaws.NewConfig": {awsOption, func(g given) error {
			return made(holdfastaws.NewConfig(aws.Config{}, g.p, optionsOf[holdfastaws.Option](g)...))
		}},
		"holdfastaws.Middleware": {awsOption, func(g given) error {
			return made(holdfastaws.Middleware(g.p, optionsOf[holdfastaws.Option](g)...))
		}},
		"holdfastgrpc.DialOptions": {grpcOption, func(g given) error {
			return made(holdfastgrpc.DialOptions(g.p, optionsOf[holdfastgrpc.Option](g)...))
		}},
		"holdfastgrpc.UnaryClientInterceptor": {grpcOption, func(g given) error {
			return made(holdfastgrpc.UnaryClientInterceptor(g.p, optionsOf[holdfastgrpc.Option](g)...))
		}},
		"holdfastgrpc.StreamClientInterceptor": {grpcOption, func(g given) error {
			return made(holdfastgrpc.StreamClientInterceptor(g.p, optionsOf[holdfastgrpc.Option](g)...))
		}},
		"holdfastgrpc.ServerOptions": {grpcOption, func(g given) error {
			return made(holdfastgrpc.ServerOptions(g.p, optionsOf[holdfastgrpc.Option](g)...))
		}},
		"holdfastgrpc.UnaryServerInterceptor": {grpcOption, func(g given) error {
			return made(holdfastgrpc.UnaryServerInterceptor(g.p, optionsOf[holdfastgrpc.Option](g)...))
		}},
		"holdfastgrpc.StreamServerInterceptor": {grpcOption, func(g given) error {
			return made(holdfastgrpc.StreamServerInterceptor(g.p, optionsOf[holdfastgrpc.Option](g)...))
		}},
		"holdfasthttp.NewTransport": {httpOption, func(g given) error {
			return made(holdfasthttp.NewTransport(g.p, optionsOf[holdfasthttp.Option](g)...))
		}},
		"holdfasthttp.NewClient": {httpOption, func(g given) error {
			return made(holdfasthttp.NewClient(g.p, optionsOf[holdfasthttp.Option](g)...))
		}},
		"holdfasthttp.Middleware": {httpOption, func(g given) error {
			return made(holdfasthttp.Middleware(g.p, optionsOf[holdfasthttp.Option](g)...))
		}},
		"holdfastmysql.New": {sqlOption, func(g given) error {
			return made(holdfastmysql.New(nil, g.p, optionsOf[holdfastmysql.Option](g)...))
		}},
		"holdfastpgx.New": {reflect.TypeFor[holdfastpgx.Option](), func(g given) error {
			return made(holdfastpgx.New(nil, g.p, optionsOf[holdfastpgx.Option](g)...))
		}},
		"holdfastredis.NewClient": {redisOption, func(g given) error {
			return made(holdfastredis.NewClient(nil, g.p, optionsOf[holdfastredis.Option](g)...))
		}},
		"holdfastredis.NewUniversalClient": {redisOption, func(g given) error {
			return made(holdfastredis.NewUniversalClient(nil, g.p, optionsOf[holdfastredis.Option](g)...))
		}},
		"holdfastredis.Protect": {redisOption, func(g given) error {
			return holdfastredis.Protect((*redis.Client)(nil), g.p, optionsOf[holdfastredis.Option](g)...)
		}},
		"holdfastredis.NewHook": {redisOption, func(g given) error {
			return made(holdfastredis.NewHook(g.p, optionsOf[holdfastredis.Option](g)...))
		}},
		"holdfastsql.New": {sqlOption, func(g given) error {
			return made(holdfastsql.New(nil, g.p, optionsOf[holdfastsql.Option](g)...))
		}},
	}
}

// options are those that have an argument which may be nil, with a constructor that takes them.
var options = map[string]struct {
	option any
	by     string
}{
	"holdfastaws.WithPipelines":     {holdfastaws.WithPipelines, "holdfastaws.NewConfig"},
	"holdfastaws.WithIdempotent":    {holdfastaws.WithIdempotent, "holdfastaws.NewConfig"},
	"holdfastconnect.WithPipelines": {holdfastconnect.WithPipelines, "holdfastconnect.NewClientInterceptor"},

	"holdfastgrpc.WithPipelines": {holdfastgrpc.WithPipelines, "holdfastgrpc.DialOptions"},

	"holdfasthttp.WithBase":             {holdfasthttp.WithBase, "holdfasthttp.NewClient"},
	"holdfasthttp.WithPipelines":        {holdfasthttp.WithPipelines, "holdfasthttp.NewClient"},
	"holdfasthttp.WithIdempotent":       {holdfasthttp.WithIdempotent, "holdfasthttp.NewClient"},
	"holdfasthttp.WithClassifyResponse": {holdfasthttp.WithClassifyResponse, "holdfasthttp.NewClient"},
	"holdfasthttp.WithBeforeAttempt":    {holdfasthttp.WithBeforeAttempt, "holdfasthttp.NewClient"},
	"holdfasthttp.WithClassifyStatus":   {holdfasthttp.WithClassifyStatus, "holdfasthttp.Middleware"},
	"holdfasthttp.WithRefusal":          {holdfasthttp.WithRefusal, "holdfasthttp.Middleware"},

	"holdfastpgx.WithAtomic":     {holdfastpgx.WithAtomic, "holdfastpgx.New"},
	"holdfastpgx.WithClassifier": {holdfastpgx.WithClassifier, "holdfastpgx.New"},

	"holdfastredis.WithIdempotent": {holdfastredis.WithIdempotent, "holdfastredis.NewHook"},

	"holdfastsql.WithAnswers":       {holdfastsql.WithAnswers, "holdfastsql.New"},
	"holdfastsql.WithAtomic":        {holdfastsql.WithAtomic, "holdfastsql.New"},
	"holdfastsql.WithClassifier":    {holdfastsql.WithClassifier, "holdfastsql.New"},
	"holdfastsql.WithRollbackCheck": {holdfastsql.WithRollbackCheck, "holdfastsql.New"},
	"holdfastsql.WithTxCheck":       {holdfastsql.WithTxCheck, "holdfastsql.New"},
}

// A constructor names everything that is nil, at once, and makes nothing then.
func TestConstructorsTakeNoNil(t *testing.T) {
	for name, c := range constructors() {
		t.Run(name, func(t *testing.T) {
			pkg, _, _ := strings.Cut(name, ".")
			nilOption := reflect.MakeSlice(reflect.SliceOf(c.option), 1, 1).Interface()
			for word, p := range map[string]*holdfast.Pipeline{"nil": nil, "zero": new(holdfast.Pipeline)} {
				err := c.make(given{p, nilOption})
				require.ErrorContains(t, err, pkg+": an option is nil; leave it out")
				require.ErrorContains(t, err, pkg+": pipeline is "+word+"; want one made by holdfast.New")
				var field *resilience.FieldError
				require.ErrorAs(t, err, &field)
			}
		})
	}
	for name, o := range options {
		f := reflect.ValueOf(o.option)
		option := f.Call([]reflect.Value{reflect.Zero(f.Type().In(0))})[0]
		c := constructors()[o.by]
		opts := reflect.Append(reflect.MakeSlice(reflect.SliceOf(c.option), 0, 1), option).Interface()
		pkg, short, _ := strings.Cut(name, ".")
		assert.ErrorContains(t, c.make(given{nil, opts}), pkg+": "+short+" is nil; want ", name)
	}
}

// Classify can be given to a Config: it heeds what an error says of itself, and has no word about
// what it does not know.
func TestClassifiersOfAdapters(t *testing.T) {
	errOdd := errors.New("odd")
	for name, classify := range classifiers {
		assert.Equal(t, resilience.Success, classify(nil), name)
		assert.Equal(t, resilience.Overload, classify(resilience.MarkOverload(errOdd, 1)), name)
		assert.Equal(t, resilience.Unclassified, classify(errOdd), name)
		_, err := retry.New(retry.Config{Classify: classify})
		assert.NoError(t, err, name)
	}
}

// The sources of the adapters keep to the convention, and all of them were tried above.
func TestSourcesOfAdapters(t *testing.T) {
	folders, err := filepath.Glob("../../holdfast*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		pkg := filepath.Base(folder)
		if slices.Contains(noAdapters, pkg) {
			continue
		}
		assert.Contains(t, classifiers, pkg, "%s has no Classify that is tried here", pkg)
		for _, f := range exportedFuncs(t, folder) {
			f.check(t, pkg)
		}
	}
}

// function is an exported func as its source has it, types as they are written.
type function struct {
	name            string
	params, results []string
}

func exportedFuncs(t *testing.T, folder string) (all []function) {
	t.Helper()
	packages, err := parser.ParseDir(token.NewFileSet(), folder, func(i fs.FileInfo) bool { //nolint:staticcheck // the files of one folder, whatever is built of them
		return !strings.HasSuffix(i.Name(), "_test.go")
	}, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, p := range packages {
		for _, file := range p.Files {
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.IsExported() {
					all = append(all, function{f.Name.Name, typesOf(f.Type.Params), typesOf(f.Type.Results)})
				}
			}
		}
	}
	require.NotEmpty(t, all, folder)
	return all
}

func typesOf(fields *ast.FieldList) (all []string) {
	if fields == nil {
		return nil
	}
	for _, f := range fields.List {
		for range max(1, len(f.Names)) {
			all = append(all, types.ExprString(f.Type))
		}
	}
	return all
}

func (f function) check(t *testing.T, pkg string) {
	t.Helper()
	name := pkg + "." + f.name
	takesOptions := slices.Contains(f.params, "...Option")
	pipeline := slices.Index(f.params, "*holdfast.Pipeline")
	returnsOption := slices.Equal(f.results, []string{"Option"})
	switch {
	case takesOptions:
		assert.Contains(t, constructors(), name, "a constructor that is not tried here")
		assert.Equal(t, "error", f.results[len(f.results)-1], "%s: the last result of a constructor is an error", name)
		if pipeline >= 0 {
			assert.Equal(t, len(f.params)-2, pipeline, "%s: the pipeline comes after the client and before the options", name)
		}
	case returnsOption:
		assert.True(t, strings.HasPrefix(f.name, "With"), "%s returns an Option: want a name that begins with With", name)
		if len(f.params) == 1 && mayBeNil(f.params[0]) {
			assert.Contains(t, options, name, "an option that is not tried here")
		}
	case strings.HasPrefix(f.name, "With"):
		assert.Fail(t, "no option", "%s returns none: want another name", name)
	case f.name == "Classify":
		assert.Equal(t, []string{"error"}, f.params, name)
		assert.Equal(t, []string{"resilience.Verdict"}, f.results, name)
	}
}

// mayBeNil reports whether the type of an option's argument has a nil, as far as is known here.
func mayBeNil(written string) bool {
	return !slices.Contains([]string{"int", "string", "time.Duration", "...int", "...string", "...codes.Code", "...connect.Code"}, written)
}
