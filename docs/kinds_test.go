package docs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/internal/vary"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// place is where a user meets a kind of stage. It says whether a kind is there.
type place struct {
	name string
	has  func(*testing.T, *stage.Kind) bool
}

var places = []place{
	{"a section of the file", hasSection},
	{"an entry in the schema", hasSchema},
	{"a check of the linter", hasCheck},
	{"a metric", hasMetric},
	{"a row of the page", hasRow},
	{"a line in README's table of stages", hasLine},
	{"a runnable Example", hasExample},
}

// exempt are the kinds that are not at a place, and why.
var exempt = map[string]map[string]string{
	"a metric": {
		"deadline": "it has no numbers of its own: what it ends is in holdfast.calls and holdfast.denials, by reason",
	},
	"a row of the page": {
		"deadline": "it has no state: what it ends is denied, by reason",
		"retry":    "its attempts are in the chart of traffic, and what it gave up is denied, by reason",
	},
}

// missing returns the places at which a kind has to be and is not, and the reasons that hold no
// longer.
func missing(t *testing.T, k *stage.Kind) (lacks []string) {
	t.Helper()
	for _, p := range places {
		switch reason, has := exempt[p.name][k.Name()], p.has(t, k); {
		case !has && reason == "":
			lacks = append(lacks, fmt.Sprintf("%s lacks %s, and a reason in docs/kinds_test.go for doing without", k.Name(), p.name))
		case has && reason != "":
			lacks = append(lacks, fmt.Sprintf("%s has %s; drop the reason for doing without in docs/kinds_test.go", k.Name(), p.name))
		}
	}
	return lacks
}

// Whoever adds a kind of stage adds it wherever a user looks for one.
func TestEveryKindIsEverywhere(t *testing.T) {
	kinds := builtIn(t)
	for _, k := range kinds {
		t.Run(k.Name(), func(t *testing.T) {
			for _, lack := range missing(t, k) {
				t.Error(lack)
			}
		})
	}
	for name, reasons := range exempt {
		require.True(t, slices.ContainsFunc(places, func(p place) bool { return p.name == name }), "%s is no place", name)
		for name := range reasons {
			require.True(t, slices.ContainsFunc(kinds, func(k *stage.Kind) bool { return k.Name() == name }), "%s is no kind", name)
		}
	}
}

// A kind that is nowhere is found wanting at every place, by its name.
func TestAKindThatIsNowhereIsFound(t *testing.T) {
	stage.Register(stage.Spec[sluice, *sluicePolicy]{
		Name:    "sluice",
		Traits:  func(sluice) stage.Traits { return stage.Traits{} },
		InForce: func(*sluicePolicy) sluice { return sluice{} },
	})
	k, ok := stage.OfConfig(sluice{})
	require.True(t, ok)
	var want []string
	for _, p := range places {
		want = append(want, "sluice lacks "+p.name+", and a reason in docs/kinds_test.go for doing without")
	}
	require.Equal(t, want, missing(t, k))
}

// sluice is a kind of stage that somebody has begun to add.
type sluice struct{ Width int }

type sluicePolicy struct{}

func (s sluice) Resolve() (sluice, error)                       { return s, nil }
func (s sluice) Build() (resilience.Policy, error)              { return &sluicePolicy{}, nil }
func (*sluicePolicy) Wrap(next resilience.Func) resilience.Func { return next }

// builtIn returns the kinds of the packages below resilience that register one: all of them.
func builtIn(t *testing.T) (kinds []*stage.Kind) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "resilience", "*", "stage.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		i := slices.IndexFunc(stage.Kinds(), func(k *stage.Kind) bool { return k.Name() == name })
		require.GreaterOrEqual(t, i, 0, "resilience/%s/stage.go registers no kind of that name, or nothing imports the package", name)
		kinds = append(kinds, stage.Kinds()[i])
	}
	return kinds
}

// valid returns a Config of the kind that its stage takes: with numbers that are not its defaults,
// as chance has it.
func valid(t *testing.T, rng *rand.Rand, k *stage.Kind) resilience.Stage {
	t.Helper()
	c := k.Config()
	for range 100 {
		c = vary.Number(rng, c)
		if _, err := k.Resolve(c); err == nil && rng.IntN(4) == 0 {
			return c
		}
	}
	require.Fail(t, "no Config", "the stage takes none of 100 that chance made for %s", k.Name())
	return nil
}

// row returns stages around which the kind's may stand, the kind's own first.
func row(c resilience.Stage) []resilience.Stage {
	if _, loop := c.(retry.Config); loop {
		return []resilience.Stage{c}
	}
	return []resilience.Stage{c, retry.Config{}}
}

// hasSection reports whether a file can say a service that has a stage of the kind: one that has is
// written as a file, which is read again.
func hasSection(t *testing.T, k *stage.Kind) bool {
	t.Helper()
	services := holdfast.NewRegistry()
	require.NoError(t, services.Apply(holdfast.Services{"a": row(valid(t, rand.New(rand.NewPCG(3, 3)), k))}))
	written, err := config.Of(services)
	require.NoError(t, err)
	file, err := config.Parse(bytes.NewReader(written.YAML()))
	require.NoError(t, err, "%s", written.YAML())
	return slices.ContainsFunc(file.Services()["a"], func(s resilience.Stage) bool { of, _ := stage.OfConfig(s); return of == k })
}

func hasSchema(t *testing.T, k *stage.Kind) bool {
	t.Helper()
	var schema struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(config.Schema(), &schema))
	services, templates := schema.Defs["service"].Properties, schema.Defs["settings"].Properties
	require.Contains(t, services, "retry", "the schema is built in another way now")
	require.Contains(t, templates, "retry", "the schema is built in another way now")
	for key := range services {
		if _, both := templates[key]; both && oneWord(key) == k.Name() {
			return true
		}
	}
	return false
}

// oneWord returns a key of the file as a package may be called.
func oneWord(key string) string { return strings.ReplaceAll(key, "_", "") }

// hasCheck reports whether the linter says anything of the kind's settings, in one of many services
// that have such a stage.
func hasCheck(t *testing.T, k *stage.Kind) bool {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		stages := []resilience.Stage{
			deadline.In(time.Duration(1 + rng.IntN(1e10))), vary.Number(rng, bulkhead.Config{}), vary.Number(rng, budget.Config{}),
			vary.Number(rng, retry.Config{}), vary.Number(rng, breaker.Config{}), deadline.In(time.Duration(1 + rng.IntN(1e9))),
		}
		i := slices.IndexFunc(stages, func(s resilience.Stage) bool { of, _ := stage.OfConfig(s); return of == k })
		if i < 0 {
			stages, i = slices.Insert(stages, 1, nil), 1
		}
		stages[i] = valid(t, rng, k)
		rps := []float64{0, 0.1, 1, 10, 100, 1000}[rng.IntN(6)]
		for _, f := range lint.Check([]lint.Service{{Name: "a", Stages: stages, RPS: rps}}, lint.Options{Pods: rng.IntN(100)}).Findings {
			section, _, _ := strings.Cut(f.Key, ".")
			if oneWord(section) == k.Name() {
				return true
			}
		}
	}
	return false
}

func hasMetric(_ *testing.T, k *stage.Kind) bool {
	return slices.ContainsFunc(metrics.All(), func(d *metrics.Description) bool { return d.Stage == k.Name() })
}

// hasRow reports whether a pipeline with a stage of the kind tells the page something that is named
// after it, as "budget" and "breakers" are, or with its name as "stage", and the page's scripts
// read it.
func hasRow(t *testing.T, k *stage.Kind) bool {
	t.Helper()
	p, err := holdfast.New("a", row(valid(t, rand.New(rand.NewPCG(2, 2)), k))...)
	require.NoError(t, err)
	scripts := ""
	files, err := filepath.Glob(filepath.Join(root, "holdfastdash", "page", "*.js"))
	require.NoError(t, err)
	for _, file := range files {
		scripts += read(t, file)
	}
	for key, value := range sampleOf(t, p) {
		if !strings.Contains(scripts, "."+key) {
			continue
		}
		if key == k.Name() || key == k.Name()+"s" {
			return true
		}
		items, _ := value.([]any)
		for _, item := range items {
			if of, _ := item.(map[string]any); of["stage"] == k.Name() {
				return true
			}
		}
	}
	return false
}

// sampleOf returns what a page is told of a pipeline. A busy machine leaves out rounds, which are
// told as samples with nothing in them.
func sampleOf(t *testing.T, p *holdfast.Pipeline) map[string]any {
	t.Helper()
	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{p}, holdfastdash.WithInterval(100*time.Millisecond))
	require.NoError(t, err)
	defer dash.Close()
	server := httptest.NewServer(dash)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/events", http.NoBody)
	require.NoError(t, err)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var hello struct {
			Pipelines []struct{ Samples []map[string]any }
		}
		var tick struct{ Samples map[string]map[string]any }
		if json.Unmarshal([]byte(data), &hello) == nil {
			for _, told := range hello.Pipelines {
				for _, s := range told.Samples {
					if len(s) > 0 {
						return s
					}
				}
			}
		}
		if json.Unmarshal([]byte(data), &tick) == nil {
			for _, s := range tick.Samples {
				if len(s) > 0 {
					return s
				}
			}
		}
	}
	require.Fail(t, "the stream ended without a sample")
	return nil
}

func hasLine(t *testing.T, k *stage.Kind) bool {
	t.Helper()
	return strings.Contains(read(t, filepath.Join(root, "README.md")), "\n| `"+k.Name()+".Config`")
}

// hasExample reports whether the kind's package has an Example that is run.
func hasExample(t *testing.T, k *stage.Kind) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "resilience", k.Name(), "*_test.go"))
	require.NoError(t, err)
	var parsed []*ast.File
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		require.NoError(t, err)
		parsed = append(parsed, f)
	}
	return slices.ContainsFunc(doc.Examples(parsed...), func(e *doc.Example) bool { return e.Output != "" })
}
