package deploy_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/deploy/internal/dashboard"
	"github.com/media-gateway/holdfast/holdfastprom"
)

const (
	dashboardFile = "grafana/holdfast.json"
	rulesFile     = "prometheus/holdfast.rules.yml"
	rulesTestFile = "prometheus/holdfast.rules.test.yml"
	configFile    = "prometheus/prometheus.yml"
)

var update = flag.Bool("update", false, "rewrite "+dashboardFile)

// board is what the tests want to know of a dashboard.
type board struct {
	Inputs        []any `json:"__inputs"`
	SchemaVersion int
	Panels        []boardPanel
	Templating    struct {
		List []struct {
			Name, Type string
			Datasource source
		}
	}
	Annotations struct {
		List []struct {
			Name, Expr string
			Datasource source
		}
	}
}

type boardPanel struct {
	ID                       int
	Type, Title, Description string
	Datasource               source
	GridPos                  struct{ X, Y, W, H int }
	Links                    []struct{ URL string }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []struct {
		RefID, Expr, LegendFormat string
		Datasource                source
	}
}

type source struct{ Type, UID string }

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func readBoard(t *testing.T) (b board) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(readFile(t, dashboardFile)), &b))
	return b
}

func TestDashboardIsCurrent(t *testing.T) {
	want, err := dashboard.JSON()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(dashboardFile, want, 0o644))
	}
	require.True(t, string(want) == readFile(t, dashboardFile), //nolint:testifylint // a thousand lines of difference help nobody
		"%s is not what internal/dashboard makes: go test ./deploy -run TestDashboardIsCurrent -update", dashboardFile)
}

func TestDashboardIsComplete(t *testing.T) {
	b := readBoard(t)
	datasource := source{"prometheus", "${datasource}"}
	require.Empty(t, b.Inputs, "an import would ask for them")
	require.GreaterOrEqual(t, b.SchemaVersion, 39)
	var variables []string
	for _, v := range b.Templating.List {
		variables = append(variables, v.Name)
		if v.Type == "query" {
			require.Equal(t, datasource, v.Datasource, v.Name)
		}
	}
	require.Equal(t, []string{"datasource", "job", "pipeline"}, variables)
	for _, a := range b.Annotations.List {
		require.Equal(t, datasource, a.Datasource, a.Name)
		require.NotEmpty(t, a.Expr, a.Name)
	}

	ids, titles, types := map[int]bool{}, map[string]bool{}, map[string]int{}
	for i, p := range b.Panels {
		require.NotEmpty(t, p.Title, "panel %d", i)
		require.False(t, ids[p.ID], "%s: the id %d is not its own", p.Title, p.ID)
		ids[p.ID] = true
		types[p.Type]++
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for _, other := range b.Panels[:i] {
			a, b := p.GridPos, other.GridPos
			apart := a.X >= b.X+b.W || b.X >= a.X+a.W || a.Y >= b.Y+b.H || b.Y >= a.Y+a.H
			require.True(t, apart, "%s covers %s", p.Title, other.Title)
		}
		if p.Type == "row" {
			continue
		}
		require.False(t, titles[p.Title], "two panels are called %s", p.Title)
		titles[p.Title] = true
		require.NotEmpty(t, p.Description, p.Title)
		require.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
		require.Equal(t, datasource, p.Datasource, p.Title)
		require.Len(t, p.Links, 1, p.Title)
		require.Contains(t, p.Links[0].URL, dashboard.Guide+"#", p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			require.Equal(t, datasource, target.Datasource, p.Title)
			require.NotEmpty(t, target.RefID, p.Title)
			require.NotEmpty(t, target.LegendFormat, p.Title)
			chosen := strings.Count(target.Expr, `{job=~"$job",pipeline=~"$pipeline"`) + len(ofFleets.FindAllString(target.Expr, -1))
			require.Equal(t, strings.Count(target.Expr, "{"), chosen,
				"%s: every metric is of the jobs and pipelines that were chosen: %s", p.Title, target.Expr)
		}
	}
	require.Equal(t, 1, types["state-timeline"], "the breaker's state")
}

// ofFleets finds the metrics of fleets and files, which have no pipeline, with the choice of jobs.
var ofFleets = regexp.MustCompile(`holdfast_(?:fleet|config)_\w+\{job=~"\$job"[,}]`)

// exported returns the labels of every metric that holdfastprom has.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	metrics, err := holdfastprom.New()
	require.NoError(t, err)
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		metrics.Describe(descs)
	}()
	form := regexp.MustCompile(`fqName: "(\w+)".* variableLabels: \{([\w,]*)\}`)
	labels := map[string][]string{}
	for d := range descs {
		found := form.FindStringSubmatch(d.String())
		require.NotNil(t, found, d.String())
		labels[found[1]] = strings.Split(found[2], ",")
	}
	require.Contains(t, labels["holdfast_calls_total"], "pipeline")
	return labels
}

// A query of a metric or of a label that is not there is no error: it finds nothing, for ever.
func TestMetricsAndLabelsExist(t *testing.T) {
	exprs := []string{readFile(t, rulesFile), readFile(t, rulesTestFile)}
	b := readBoard(t)
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			exprs = append(exprs, target.Expr)
		}
	}
	for _, a := range b.Annotations.List {
		exprs = append(exprs, a.Expr)
	}
	metric := regexp.MustCompile(`(?:^|[^:\w])(holdfast_\w+)(?:\{([^}]*)\})?`) // a recorded name has a colon before it
	label := regexp.MustCompile(`(\w+)(?:=|!=|=~|!~)"`)
	known := exported(t)
	for _, expr := range exprs {
		for _, found := range metric.FindAllStringSubmatch(expr, -1) {
			labels, ok := known[strings.TrimSuffix(found[1], "_bucket")]
			require.True(t, ok, "holdfastprom has no %s: %s", found[1], expr)
			for _, l := range label.FindAllStringSubmatch(found[2], -1) {
				require.Contains(t, append([]string{"job", "instance"}, labels...), l[1], "%s in %s", found[1], expr)
			}
		}
	}
}

func TestAlertsSayWhatToDo(t *testing.T) {
	alerts := strings.Split(readFile(t, rulesFile), "- alert: ")[1:]
	require.NotEmpty(t, alerts)
	tests := readFile(t, rulesTestFile)
	for _, rule := range alerts {
		name, _, _ := strings.Cut(rule, "\n")
		require.Regexp(t, `(?m)^        for: \d+m$`, rule)
		require.Regexp(t, `(?m)^          severity: (critical|warning|info)$`, rule)
		require.Regexp(t, `(?m)^          summary: '.*\$labels\.(pipeline|breaker|fleet|path).*'$`, rule)
		require.Regexp(t, `(?m)^          description: >-$`, rule)
		require.Contains(t, rule, "\n          runbook_url: "+dashboard.Guide+"#"+strings.ToLower(name)+"\n")
		require.Contains(t, tests, `ALERTS{alertname="`+name+`", alertstate="firing", `, "a test in which it fires")
		require.Regexp(t, `expr: 'ALERTS\{alertname="`+name+`", alertstate="firing"\}'\n *eval_time: \d+m\n *exp_samples: \[\]`, tests,
			"a test in which it does not fire")
	}
}

// The panels and the alerts link to headings of the guide.
func TestGuideHasTheAnchors(t *testing.T) {
	anchors := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(readFile(t, "../docs/observability.md"), -1) {
		kept := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors[strings.ReplaceAll(kept, " ", "-")] = true
	}
	link := regexp.MustCompile(regexp.QuoteMeta(dashboard.Guide) + `#([\w-]+)`)
	for _, path := range []string{dashboardFile, rulesFile} {
		for _, found := range link.FindAllStringSubmatch(readFile(t, path), -1) {
			require.True(t, anchors[found[1]], "%s links to #%s, which no heading of the guide has", path, found[1])
		}
	}
}

// program returns where an installed program is. Without it the test is skipped, or fails if
// HOLDFAST_REQUIRE_SERVICES is 1.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("HOLDFAST_REQUIRE_SERVICES") == "1" {
		require.NoError(t, err, "%s is not installed: apt-get install prometheus", name)
	}
	t.Skipf("%s is not installed: apt-get install prometheus", name)
	return ""
}

func TestPromtool(t *testing.T) {
	promtool := program(t, "promtool")
	for _, args := range [][]string{
		{"check", "rules", rulesFile},
		{"check", "config", configFile},
		{"test", "rules", rulesTestFile},
	} {
		t.Run(strings.Join(args[:2], " "), func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}
