package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/internal/demo"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Every query of the dashboard finds something in a Prometheus that watches the demo through an
// outage, and so does every recording rule; no alert fails to evaluate. Zero is not something: a
// query that falls back to it would hide that it asks for the wrong thing.
func TestNothingIsEmptyOnTheDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes an outage of the demo, and its end")
	}
	binary := program(t, "prometheus")

	cfg := demo.Round()
	// Prometheus makes its first scrape 5 seconds after it was started.
	cfg.Healthy, cfg.Outage, cfg.Recovery = 8*time.Second, 4*time.Second, 3*time.Second
	cfg.Breaker.OpenFor = time.Second
	// More calls, and attempts that take longer to fail, so that the bulkheads have to refuse some.
	cfg.Rate, cfg.Backend.Workers, cfg.Backend.Queue = 300, 3, 75
	cfg.Attempt = cfg.Deadline / 2
	play, err := demo.StartWeb(t.Context(), cfg, "127.0.0.1:0", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer play.Close()
	_, err = play.Pipelines()[0].Tune(t.Context(), holdfast.Tuning{
		By: "the test", Budget: func(c *budget.Config) { // so that it refuses before the breaker opens
			c.Ratio, c.Burst, c.Floor, c.SlowCost = 0.1, 1, -1, 1
		},
	})
	require.NoError(t, err)

	server := startPrometheus(t, binary, host(play.URL()), host(serveKeyed(t)), host(serveFleets(t)), host(serveFile(t)))
	begin := time.Now()
	empty := queries(t)
	empty["How many wait to enter? A"] += " + 1"                   // the demo's bulkheads have no queue, so that it is zero
	empty["How many calls wait for what was refused? A"] += " + 1" // none waits while it is looked at
	empty["What limit has an adaptive bulkhead found? B"] = strings.Replace(empty["What limit has an adaptive bulkhead found? B"], "(holdfast_bulkhead_in_use", "(1 + holdfast_bulkhead_in_use", 1)
	const byItself = "Who probes, and who goes by itself? B" // no pod is broken while its fleet is well
	require.Contains(t, empty[byItself], " > 0")
	empty[byItself] = "1 + (" + strings.Replace(empty[byItself], " > 0", " >= 0", 1) + ")"
	rules, err := server.rules(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, rules)
	for _, r := range rules {
		if r.Type == "recording" {
			empty[r.Name] = r.Name
		}
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		for name, expr := range empty {
			found, err := server.finds(t.Context(), expr, begin)
			require.NoError(c, err, name)
			if found {
				delete(empty, name)
			}
		}
		require.Empty(c, empty, "queries that found nothing")
		rules, err := server.rules(t.Context())
		require.NoError(c, err)
		for _, r := range rules {
			require.Equal(c, "ok", r.Health, "%s: %s", r.Name, r.LastError)
		}
	}, 5*time.Minute, time.Second) // a round takes a quarter of a minute
	t.Logf("all were found within %v", time.Since(begin).Round(time.Second))
}

// serveKeyed returns where the metrics are served of what the demo has none of: a Keyed, of whose
// keys some are down and some find no room; errors that nobody has classified; an adaptive bulkhead
// with a limit; a retry that is paid for and not made; and a patient loop.
func serveKeyed(t *testing.T) string {
	t.Helper()
	metrics, err := holdfastprom.New()
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(metrics))
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{Size: 2},
		holdfast.Observe(metrics), breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour})
	require.NoError(t, err)
	leaves := resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
		if leave, ok := ctx.Value(leaveKey{}).(context.CancelFunc); ok && e.Kind == resilience.EventRetry {
			leave()
		}
	})
	odd, err := holdfast.New("odd", holdfast.Observe(metrics, leaves), holdfast.SilenceUnclassified(),
		budget.Config{RefundOnSuccess: true}, retry.Config{BaseDelay: time.Millisecond},
		bulkhead.Config{Adaptive: &bulkhead.Adaptive{SlowFailures: 1}})
	require.NoError(t, err)
	patient, err := holdfast.New("patient", holdfast.Observe(metrics), budget.Config{Initial: -1, Floor: -1},
		retry.Config{Patient: true, MaxRetries: 2, BaseDelay: time.Millisecond})
	require.NoError(t, err)
	show := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, host := range []string{"a", "b", "c"} {
			_ = hosts.Do(r.Context(), host, func(context.Context) error { return resilience.MarkTransient(io.ErrUnexpectedEOF) })
		}
		_ = odd.Do(r.Context(), func(context.Context) error { return errors.New("nobody knows") })
		failed := false
		_ = odd.Do(r.Context(), func(context.Context) error { // its retry succeeds, and gets its price back
			if !failed {
				failed = true
				return resilience.MarkTransient(io.ErrUnexpectedEOF)
			}
			return nil
		})
		ctx, leave := context.WithCancel(r.Context())
		_ = odd.Do(context.WithValue(ctx, leaveKey{}, leave), func(context.Context) error { // its caller leaves in the pause
			return resilience.MarkTransient(io.ErrUnexpectedEOF)
		})
		_ = patient.Do(r.Context(), func(context.Context) error { return resilience.MarkTransient(io.ErrUnexpectedEOF) })
		_ = odd.Do(r.Context(), func(context.Context) error { return resilience.MarkOverload(errors.New("too much to do"), time.Hour) })
		show.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// leaveKey is the key of a cancel func in a ctx, which is called when a retry has been paid for.
type leaveKey struct{}

func host(url string) string { return strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/") }

// queries returns the dashboard's queries, as Grafana sends them for all pipelines, by where
// they stand.
func queries(t *testing.T) map[string]string {
	t.Helper()
	chosen := strings.NewReplacer("$job", ".*", "$pipeline", ".*", "$__rate_interval", "5s")
	b, all := readBoard(t), map[string]string{}
	add := func(name, expr string) {
		all[name] = chosen.Replace(expr)
		require.NotContains(t, all[name], "$", name)
	}
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			add(p.Title+" "+target.RefID, target.Expr)
		}
	}
	for _, a := range b.Annotations.List {
		add(a.Name, a.Expr)
	}
	require.NotEmpty(t, all)
	return all
}

// server is a running Prometheus.
type server struct{ url string }

// startPrometheus starts one that scrapes the targets, by the configuration that is to be tested
// but more often. It ends with the test.
func startPrometheus(t *testing.T, binary string, targets ...string) server {
	t.Helper()
	dir := t.TempDir()
	config := readFile(t, configFile)
	require.Contains(t, config, "127.0.0.1:8642")
	require.Contains(t, config, " 5s")
	config = strings.NewReplacer("127.0.0.1:8642", strings.Join(targets, `", "`), " 5s", " 1s").Replace(config)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(rulesFile)), []byte(readFile(t, rulesFile)), 0o600))

	var output bytes.Buffer
	for range 3 { // another process may take the port first
		output.Reset()
		s := server{"http://" + freeAddr(t)}
		cmd := exec.CommandContext(t.Context(), binary, "--config.file="+filepath.Join(dir, "prometheus.yml"),
			"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+strings.TrimPrefix(s.url, "http://"))
		cmd.Stdout, cmd.Stderr = &output, &output
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second // then it is killed
		require.NoError(t, cmd.Start())
		exited := make(chan struct{})
		go func() {
			defer close(exited)
			_ = cmd.Wait() // an error in any case: that it was interrupted
		}()
		t.Cleanup(func() { <-exited }) // t's ctx has ended by then

		ready := false
		require.Eventually(t, func() bool {
			select {
			case <-exited:
				return true
			default:
				ready = s.get(t.Context(), "/-/ready", nil, nil) == nil
				return ready
			}
		}, 3*time.Minute, 50*time.Millisecond)
		if ready {
			return s
		}
	}
	require.Fail(t, "prometheus does not start", output.String())
	return server{}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// get reads data, the part of an answer of that name, unless it is nil.
func (s server) get(ctx context.Context, path string, params url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path+"?"+params.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // what matters of it is read
	var answer struct {
		Error string
		Data  any
	}
	answer.Data = data
	if data != nil || resp.StatusCode == http.StatusBadRequest {
		err = json.NewDecoder(resp.Body).Decode(&answer)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s", path, resp.Status, answer.Error)
	}
	return err
}

// finds reports whether expr has a value other than NaN and 0 at any second since begin.
func (s server) finds(ctx context.Context, expr string, begin time.Time) (bool, error) {
	var data struct{ Result []struct{ Values [][2]any } }
	params := url.Values{
		"query": {expr}, "step": {"1"},
		"start": {begin.UTC().Format(time.RFC3339)}, "end": {time.Now().UTC().Format(time.RFC3339)},
	}
	if err := s.get(ctx, "/api/v1/query_range", params, &data); err != nil {
		return false, err
	}
	for _, series := range data.Result {
		for _, v := range series.Values {
			if v[1] != "NaN" && v[1] != "0" {
				return true, nil
			}
		}
	}
	return false, nil
}

type rule struct{ Name, Type, Health, LastError string }

func (s server) rules(ctx context.Context) (all []rule, err error) {
	var data struct{ Groups []struct{ Rules []rule } }
	if err := s.get(ctx, "/api/v1/rules", nil, &data); err != nil {
		return nil, err
	}
	for _, g := range data.Groups {
		all = append(all, g.Rules...)
	}
	return all, nil
}
