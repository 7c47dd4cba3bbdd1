package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// auditLog is a log that can be read while it is written.
type auditLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *auditLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *auditLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// podOf is a pod of the fleet shop with its page. Its authorizer knows ada, by a password.
type podOf struct {
	pipeline *holdfast.Pipeline
	fleet    *fleet.Fleet
	url      string
	log      auditLog
}

func startPod(t *testing.T, store fleet.Transport, key string) *podOf {
	t.Helper()
	p := &podOf{pipeline: holdfast.Must(holdfast.New("payments", budget.Config{Ratio: 0.1}, retry.Config{}, breaker.Config{}))}
	quiet := slog.New(slog.DiscardHandler)
	f, err := fleet.Join(context.Background(), store, "shop", fleet.WithKey([]byte(key)), fleet.WithLogger(quiet))
	require.NoError(t, err)
	f.Add(p.pipeline)
	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{p.pipeline}, holdfastdash.WithFleet(f),
		holdfastdash.WithLogger(slog.New(slog.NewTextHandler(&p.log, nil))),
		holdfastdash.WithAuthorizer(func(r *http.Request) (string, error) {
			if r.Header.Get("Authorization") != "Bearer secret-of-ada" {
				return "a reader", errors.New("you may look only")
			}
			return "ada", nil
		}))
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/debug/holdfast/", http.StripPrefix("/debug/holdfast", dash))
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		dash.Close()
		f.Leave()
	})
	p.fleet, p.url = f, server.URL+"/debug/holdfast"
	return p
}

func (p *podOf) state() breaker.State { return p.pipeline.Breakers()[0].State() }

const podKey = "the key of a fleet, of 32 bytes."

// become waits until all pods' breakers are in a state.
func become(t *testing.T, pods []*podOf, want breaker.State) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, p := range pods {
			if p.state() != want {
				return false
			}
		}
		return true
	}, 20*time.Second, 10*time.Millisecond, want)
}

// Three pods in one process: the command isolates all of them through the page of one, another's
// page shows it, and a withdrawal through the third ends it. Who may look only is refused, and that
// is logged; a forged order changes nothing.
func TestFleetFromTheCommandLine(t *testing.T) {
	store := fleet.InProcess()
	pods := []*podOf{startPod(t, store, podKey), startPod(t, store, podKey), startPod(t, store, podKey)}
	require.Eventually(t, func() bool {
		s := pods[1].fleet.Stats().Services
		return len(s) == 1 && s[0].Pods == 3
	}, 20*time.Second, 10*time.Millisecond)
	t.Setenv("HOLDFAST_PAGE", pods[1].url+"/")

	code, stdout, stderr := run(t, "", "fleet", "isolate", "-service", "payments", "-why", "card scheme down", "-by", "eve")
	require.Equal(t, cli.Failure, code)
	require.Empty(t, stdout)
	require.Equal(t, "holdfast fleet isolate: the page at "+pods[1].url+"/ says: you may look only\n", stderr)
	require.Contains(t, pods[1].log.String(), `level=WARN msg="order for a fleet refused" fleet="" service="" order="" by="a reader"`)
	require.Contains(t, pods[1].log.String(), "status=403")

	t.Setenv("HOLDFAST_PAGE_AUTHORIZATION", "Bearer secret-of-ada")
	code, stdout, stderr = run(t, "", "fleet", "isolate", "-service", "payments", "-why", "card scheme down", "-for", "30m", "-by", "eve")
	require.Equal(t, cli.OK, code, stderr)
	require.Equal(t, "All pods of shop were told to isolate payments, for 30m, by ada.\n", stdout, "the page knows who it is")
	become(t, pods, breaker.StateIsolated)
	require.Contains(t, pods[1].log.String(), `level=INFO msg="order for a fleet given by hand" fleet=shop service=payments order=isolate by=ada why="card scheme down"`)

	code, stdout, stderr = run(t, "", "fleet", "status", "-url", pods[0].url)
	require.Equal(t, cli.OK, code, stderr)
	require.Regexp(t, `\n  payments  isolated     3      0        0     0     0/0  *\d(\.\d)?s\n    ISOLATED by ada: "card scheme down", for 30m more\.\n`, stdout)

	code, stdout, stderr = run(t, "", "fleet", "withdraw", "isolate", "-service", "payments", "-why", "it is back", "-url", pods[2].url)
	require.Equal(t, cli.OK, code, stderr)
	require.Equal(t, "All pods of shop were told to undo isolate of payments, by ada.\n", stdout)
	become(t, pods, breaker.StateClosed)
	code, _, stderr = run(t, "", "fleet", "withdraw", "tune", "-service", "payments", "-why", "it is back")
	require.Equal(t, cli.Failure, code)
	require.Contains(t, stderr, "there is nothing to withdraw")

	code, stdout, stderr = run(t, "", "fleet", "tune", "-json", "-ratio", "0", "-service", "payments", "-why", "no retries", "-for", "90s")
	require.Equal(t, cli.OK, code, stderr)
	require.JSONEq(t, `{"fleet":"shop","service":"payments","order":"tune","ratio":0,"by":"ada","why":"no retries","for_seconds":90}`, stdout)
	require.Eventually(t, func() bool { return pods[2].pipeline.Budget().Config().Ratio == -1 }, 20*time.Second, 10*time.Millisecond)

	_, err := pods[2].pipeline.Tune(t.Context(), holdfast.Tuning{By: "bob", Isolate: []string{"payments"}})
	require.NoError(t, err)
	code, stdout, stderr = run(t, "", "fleet", "reset", "-service", "payments", "-why", "all is well")
	require.Equal(t, cli.OK, code, stderr)
	require.Equal(t, "All pods of shop were told to reset payments, for 1m, by ada.\n", stdout)
	become(t, pods, breaker.StateClosed)

	code, _, stderr = run(t, "", "fleet", "isolate", "-service", "paymets", "-why", "x")
	require.Equal(t, cli.Failure, code)
	require.Contains(t, stderr, `no pod of fleet "shop" has a service "paymets"; this pod has "payments"`)

	stranger := startPod(t, store, "another key, of 32 random bytes!")
	require.Eventually(t, func() bool { return len(stranger.fleet.Stats().Services) == 1 }, 20*time.Second, 10*time.Millisecond)
	code, _, stderr = run(t, "", "fleet", "isolate", "-service", "payments", "-why", "by force", "-url", stranger.url)
	require.Equal(t, cli.OK, code, stderr)
	var heard *podOf // the others may not have seen it: it is replaced by what they know
	require.Eventually(t, func() bool {
		for _, p := range pods {
			if p.fleet.Stats().Forged > 0 {
				heard = p
			}
		}
		return heard != nil
	}, 20*time.Second, 10*time.Millisecond)
	become(t, pods, breaker.StateClosed)
	code, stdout, _ = run(t, "", "fleet", "status", "-url", heard.url)
	require.Equal(t, cli.OK, code)
	require.Regexp(t, `\d+ times it refused\san\sorder\sthat\sis\sforged,\sor\sold`, stdout)
	require.NotContains(t, stdout, "ISOLATED")

	pods[0].fleet.Leave()
	code, stdout, _ = run(t, "", "fleet", "status", "-url", pods[0].url)
	require.Equal(t, cli.Failure, code)
	require.Contains(t, stdout, "The pod has left it")
}

// keysOf returns the keys of a value's JSON, with those of the first element of lists.
func keysOf(t *testing.T, v any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(text, &all))
	var only func(v any) any
	only = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for key := range v {
				v[key] = only(v[key])
			}
			return v
		case []any:
			return only(v[0])
		default:
			return reflect.TypeOf(v).String()
		}
	}
	return only(all).(map[string]any)
}

// -json has every field of fleet.Stats, by the same names, and no other.
func TestFleetJSONIsThatOfStats(t *testing.T) {
	at := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	stats := fleet.Stats{Fleet: "a", Pod: "b", Why: "c", Left: true, Services: []fleet.ServiceStats{{
		Name: "d", Holder: "e", Orders: []fleet.OrderStats{{Kind: fleet.OrderTune, By: "f", Why: "g", At: at, Until: at, Ratio: 1, Overruled: true}},
	}}}
	text, err := json.Marshal(map[string]any{"fleets": []fleet.Stats{stats}})
	require.NoError(t, err)
	var told fleetsTold
	require.NoError(t, json.Unmarshal(text, &told))
	require.Equal(t, keysOf(t, map[string]any{"fleets": []fleet.Stats{stats}}), keysOf(t, told))
	again, err := json.Marshal(told)
	require.NoError(t, err)
	require.JSONEq(t, string(text), string(again))
}

func TestFleetMisuse(t *testing.T) {
	t.Setenv("HOLDFAST_PAGE", "")
	order := []string{"fleet", "isolate", "-service", "a", "-why", "x", "-url", "http://pod"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"fleet"}, "Usage: holdfast fleet COMMAND"},
		{[]string{"fleet", "stats"}, `unknown command "stats"; did you mean status?`},
		{[]string{"fleet", "status"}, "no page; want -url https://HOST/PATH, or $HOLDFAST_PAGE"},
		{[]string{"fleet", "status", "secret"}, "a word that is no flag; want flags only"},
		{[]string{"fleet", "status", "-url", "pod/holdfast"}, "-url is not the address of a page; want https://HOST/PATH"},
		{[]string{"fleet", "status", "-url", "ftp://secret@pod"}, "-url is not the address of a page"},
		{[]string{"fleet", "status", "-url", "http://secret:\x7f@pod"}, "-url is not the address of a page"},
		{[]string{"fleet", "status", "-url", "http://pod/?token=secret"}, "-url has a query or a fragment"},
		{[]string{"fleet", "status", "-url", "http://pod", "-header", "secret"}, "-header is not a header; want one line, such as 'Name: value'"},
		{[]string{"fleet", "status", "-url", "http://pod", "-header", "A: secret\r\nB: c"}, "-header is not a header"},
		{[]string{"fleet", "status", "-url", "http://pod", "-header", "a secret: b"}, "-header is not a header"},
		{[]string{"fleet", "status", "-url", "http://pod", "-timeout", "0s"}, "-timeout is 0s; want more than 0"},
		{append(order, "secret"), "a word that is no flag; want flags only"},
		{append(order, "-for", "0s"), "-for is 0s; want 1s to 24h"},
		{append(order, "-for", "-1s"), "-for is -1s; want 1s to 24h"},
		{[]string{"fleet", "isolate", "-why", "x"}, "no service; want -service NAME"},
		{[]string{"fleet", "isolate", "-service", "a", "-why", " "}, "no reason; want -why TEXT"},
		{[]string{"fleet", "tune", "-service", "a", "-why", "x"}, "no ratio; want -ratio N"},
		{[]string{"fleet", "tune", "-ratio", "NaN"}, `flag -ratio is "NaN"; want a number from 0 to 1000`},
		{[]string{"fleet", "tune", "-ratio", "-1"}, "want a number from 0 to 1000"},
		{[]string{"fleet", "tune", "-ratio", "1000.1"}, "want a number from 0 to 1000"},
		{[]string{"fleet", "withdraw", "-service", "a", "-why", "x"}, "want isolate or tune, once"},
		{[]string{"fleet", "withdraw", "reset", "-service", "a", "-why", "x"}, "want isolate or tune, once"},
		{[]string{"fleet", "withdraw", "isolate", "tune", "-service", "a", "-why", "x"}, "want isolate or tune, once"},
	} {
		code, stdout, stderr := run(t, "", c.args...)
		require.Equal(t, cli.Misuse, code, c.args)
		require.Empty(t, stdout, c.args)
		require.Contains(t, stderr, c.want, c.args)
		require.NotContains(t, stderr, "secret", c.args)
	}
	t.Setenv("HOLDFAST_PAGE", "secret")
	code, _, stderr := run(t, "", "fleet", "status")
	require.Equal(t, cli.Misuse, code)
	require.Equal(t, "holdfast fleet status: $HOLDFAST_PAGE is not the address of a page; want https://HOST/PATH\nRun 'holdfast fleet status -h' for usage.\n", stderr)
	t.Setenv("HOLDFAST_PAGE", "http://pod")
	t.Setenv("HOLDFAST_PAGE_AUTHORIZATION", "sec\nret")
	code, _, stderr = run(t, "", "fleet", "status")
	require.Equal(t, cli.Misuse, code)
	require.Contains(t, stderr, "$HOLDFAST_PAGE_AUTHORIZATION is not a header")
	require.NotContains(t, stderr, "ret\n")
	require.Empty(t, fmt.Sprint((&headers{"secret"}).String()))
}
