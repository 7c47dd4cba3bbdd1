package docs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func startWithMetrics() error {
	metrics, err := holdfastprom.New()
	if err != nil {
		return err
	}
	prometheus.MustRegister(metrics)
	payments, err := holdfast.New("payments", append([]resilience.Stage{holdfast.Observe(metrics)}, holdfast.Critical()...)...)
	if err != nil {
		return err
	}
	return payments.Do(context.Background(), func(context.Context) error { return nil })
}

var errCardDeclined = errors.New("declined")

type cardError struct{}

func (*cardError) Error() string { return "card declined" }

// A declined card is the caller's fault: it opens nothing.
func TestObservabilityClassify(t *testing.T) {
	payments, err := holdfast.New("payments", append([]resilience.Stage{
		holdfast.Classify(resilience.Errors(resilience.Permanent, errCardDeclined, resilience.Type[*cardError]())),
	}, holdfast.Critical()...)...)
	require.NoError(t, err)
	for range 100 {
		require.Error(t, payments.Do(t.Context(), func(context.Context) error { return &cardError{} }))
		require.ErrorIs(t, payments.Do(t.Context(), func(context.Context) error { return errCardDeclined }), errCardDeclined)
	}
	s := payments.Snapshot()
	require.Equal(t, breaker.StateClosed, s.Breakers[0].State)
	require.Empty(t, s.Unclassified)
}

func TestObservabilityMetrics(t *testing.T) {
	registry, before := prometheus.NewRegistry(), prometheus.DefaultRegisterer
	prometheus.DefaultRegisterer = registry
	defer func() { prometheus.DefaultRegisterer = before }()
	require.NoError(t, startWithMetrics())
	families, err := registry.Gather()
	require.NoError(t, err)
	calls := 0.0
	for _, f := range families {
		if f.GetName() == "holdfast_calls_total" {
			for _, m := range f.GetMetric() {
				calls += m.GetCounter().GetValue()
			}
		}
	}
	require.InDelta(t, 1, calls, 0)
}

func mountDashboard(mux *http.ServeMux, payments, search *holdfast.Pipeline) error {
	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{payments, search})
	if err != nil {
		return err
	}
	defer dash.Close()
	mux.Handle("/debug/holdfast/", http.StripPrefix("/debug/holdfast", dash))
	return nil
}

func mountRegistry(mux *http.ServeMux, registry *holdfast.Registry) error {
	dash, err := holdfastdash.ForRegistry(registry)
	if err != nil {
		return err
	}
	defer dash.Close()
	mux.Handle("/debug/holdfast/", http.StripPrefix("/debug/holdfast", dash))
	return nil
}

type sessionUser struct {
	Name   string
	OnCall bool
}

type sessionStore map[string]sessionUser

func (s sessionStore) User(r *http.Request) (sessionUser, error) {
	u, ok := s[r.Header.Get("User")]
	if !ok {
		return u, errors.New("no session")
	}
	return u, nil
}

func TestObservabilityDashboard(t *testing.T) {
	payments, err := holdfast.New("payments", budget.Config{}, retry.Config{}, breaker.Config{})
	require.NoError(t, err)
	search, err := holdfast.New("search", holdfast.Standard()...)
	require.NoError(t, err)
	require.NoError(t, mountDashboard(http.NewServeMux(), payments, search))
	require.NoError(t, mountRegistry(http.NewServeMux(), holdfast.NewRegistry()))

	pipelines := []*holdfast.Pipeline{payments, search}
	sessions := sessionStore{"m": {Name: "mary", OnCall: true}}
	dash, err := holdfastdash.Handler(pipelines,
		holdfastdash.WithAuthorizer(func(r *http.Request) (who string, err error) {
			user, err := sessions.User(r)
			if err != nil || !user.OnCall {
				return "", errors.New("ask whoever is on call")
			}
			return user.Name, nil
		}),
	)
	require.NoError(t, err)
	dash.Close()
}

func TestObservabilityTuning(t *testing.T) {
	ctx := t.Context()
	payments, err := holdfast.New("payments", budget.Config{}, retry.Config{}, breaker.Config{})
	require.NoError(t, err)
	err = tuneAtNight(ctx, payments)
	require.NoError(t, err)
	require.InDelta(t, 0.05, payments.Budget().Config().Ratio, 0)
	require.Equal(t, 2*time.Second, payments.Breakers()[0].Config().OpenFor)
}

func TestObservabilityWatcher(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("services.yaml", []byte("services: {payments: {template: critical}}\n"), 0o600))
	require.NoError(t, mountWatched(t.Context(), func(*http.Request) (string, error) { return "mary", nil }))
}

func mountWatched(ctx context.Context, whoMayTune func(*http.Request) (string, error)) error {
	registry := holdfast.NewRegistry()
	watcher, err := config.Watch(ctx, "services.yaml", registry)
	if err != nil {
		return err
	}
	dash, err := holdfastdash.ForRegistry(registry, holdfastdash.WithWatcher(watcher), holdfastdash.WithAuthorizer(whoMayTune))
	if err != nil {
		return err
	}
	dash.Close()
	watcher.Close()
	return nil
}

func tuneAtNight(ctx context.Context, payments *holdfast.Pipeline) error {
	changes, err := payments.Tune(ctx, holdfast.Tuning{
		By:     "mary",
		Budget: func(c *budget.Config) { c.Ratio = 0.05 },
		Reset:  []string{"payments"},
	})
	for _, c := range changes {
		fmt.Println(c) // budget ratio 0.3 → 0.05
	}
	if err != nil {
		return err
	}
	changes, err = payments.Tune(ctx, holdfast.Tuning{By: "mary", Stages: func(stages []resilience.Stage) {
		for i, stage := range stages {
			if b, ok := stage.(breaker.Config); ok {
				b.OpenFor = 2 * time.Second
				stages[i] = b
			}
		}
	}})
	fmt.Println(changes)
	return err
}

// The rows of the dashboard are read in their order, and the panels by their titles.
func TestGraphsAreThoseOfTheDashboard(t *testing.T) {
	type panel struct{ Type, Title string }
	var dashboard struct {
		Panels []struct {
			panel

			Panels []panel
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "../deploy/grafana/holdfast.json")), &dashboard))
	var rows []string
	titles := map[string]bool{}
	for _, p := range dashboard.Panels {
		titles[p.Title] = true
		for _, inner := range p.Panels {
			titles[inner.Title] = true
		}
		if p.Type == "row" {
			rows = append(rows, p.Title)
		}
	}
	text := read(t, "observability.md")
	_, graphs, ok := strings.Cut(text, "\n## Read the graphs\n")
	require.True(t, ok)
	graphs, _, _ = strings.Cut(graphs, "\n## ")
	var described []string
	for _, match := range regexp.MustCompile(`(?m)^\*\*([^*]+?)\.?\*\*`).FindAllStringSubmatch(graphs, -1) {
		if match[1] != "Rate limit" { // which has no row
			described = append(described, match[1])
		}
	}
	require.Equal(t, rows, described)
	for _, match := range regexp.MustCompile(`[^*]\*([A-Z][^*]+\?)\*[^*]`).FindAllStringSubmatch(text, -1) {
		require.True(t, titles[squeeze(match[1])], "the dashboard has no panel %q", match[1])
	}
}
