package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

// answering serves an answer to every request.
func answering(t *testing.T, media, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.Header().Set("Date", time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC).Format(http.TimeFormat))
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const twoFleets = `{"fleets": [
	{"fleet": "shop", "pod": "web-7", "hands": true, "forged": 3, "services": [
		{"name": "payments", "state": "isolated", "pods": 41, "speaking": 40, "failing": 37, "open": 41, "failures": 212, "successes": 3, "age_seconds": 0.42,
			"holder": "web-9", "orders": [
				{"kind": "isolate", "by": "ada", "why": "card scheme down, and so said the bank at half past two: nobody shall ask it until it calls", "until": "2026-01-02T15:28:00Z"},
				{"kind": "tune", "by": "bob", "why": "x", "ratio": -1, "until": "2026-01-02T15:00:07.5Z", "overruled": true}]},
		{"name": "search", "state": "half-open", "pods": 41, "speaking": 0, "failing": 0, "open": 0, "failures": 0, "successes": 0, "age_seconds": 12.3, "probes": true, "banned": true},
		{"name": "a service whose name is much longer than the column for it", "state": "closed", "pods": 1, "speaking": 1, "failing": 0, "open": 0, "failures": 0, "successes": 1, "age_seconds": -1}]},
	{"fleet": "blog", "pod": "web-7", "apart": true, "why": "dial tcp 10.0.0.1:6379: connect: connection refused"}]}`

// The table, its notes and its exit code.
func TestFleetStatus(t *testing.T) {
	url := answering(t, "application/json; charset=utf-8", twoFleets)
	code, stdout, stderr := run(t, "", "fleet", "status", "-url", url)
	require.Equal(t, cli.Failure, code, "a fleet has no news")
	require.Empty(t, stderr)
	require.Equal(t, `Fleet shop, as its pod web-7 sees it. 3 times it refused an order that is
forged, or old.

  service                   here       pods  heard  failing  open   failed  news
  payments                  isolated     41     40       37    41  212/215  0.4s
    Pod web-9 probes.
    ISOLATED by ada: "card scheme down, and so said the bank at half past two:
    nobody shall ask it until it calls", for 28m more.
    Budget ratio 0 by bob: "x", for 7.5s more. It was changed by hand in this
    pod since.
  search                    half-open    41      0        0     0      0/0   12s
    This pod probes.
    This pod goes by itself: its probes failed, and those of others succeeded.
  a service whose name is much longer than the column for it
                            closed        1      1        0     0      0/1  none

Fleet blog, as its pod web-7 sees it. NO NEWS from its store, so every breaker
goes by itself: dial tcp 10.0.0.1:6379: connect: connection refused. It gives
and heeds no orders: it has no key.
It follows no service.
`, stdout)

	code, stdout, _ = run(t, "", "fleet", "status", "-url", url, "-service", "search", "-fleet", "shop")
	require.Equal(t, cli.OK, code)
	require.NotContains(t, stdout, "payments")
	require.Contains(t, stdout, "  search   half-open")

	code, stdout, _ = run(t, "", "fleet", "status", "-url", url, "-fleet", "blog", "-json")
	require.Equal(t, cli.Failure, code)
	require.JSONEq(t, `{"fleets":[{"fleet":"blog","pod":"web-7","apart":true,"why":"dial tcp 10.0.0.1:6379: connect: connection refused",
		"ticks":0,"misses":0,"troubles":0,"advised":0,"refused":0,"hands":false,"forged":0}]}`, stdout)

	for want, args := range map[string][]string{
		`shows no service "serach"; did you mean search?`: {"-service", "serach"},
		`shows no fleet "shup"; did you mean shop?`:       {"-fleet", "shup"},
	} {
		code, stdout, stderr = run(t, "", append([]string{"fleet", "status", "-url", url}, args...)...)
		require.Equal(t, cli.Failure, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, want)
	}
	code, _, stderr = run(t, "", "fleet", "status", "-url", answering(t, "application/json", `{}`))
	require.Equal(t, cli.Failure, code)
	require.Contains(t, stderr, "shows no fleet")
}

// No line is wider than a screen, whatever the numbers and names are, as long as they have blanks.
func TestFleetStatusFitsAScreen(t *testing.T) {
	const most = "18446744073709551615"
	for _, body := range []string{
		twoFleets,
		`{"fleets":[{"fleet":"f","pod":"p","hands":true,"services":[{"name":"` + strings.Repeat("é", 300) + `","state":"closed","pods":10000,"speaking":10000,"failing":10000,"open":10000,"successes":99999,"failures":99999,"age_seconds":1e300}]}]}`,
		`{"fleets":[{"fleet":"f","pod":"p","hands":true,"services":[{"name":"a b","state":"closed","holder":"` + strings.Repeat("w ", 64) + `","orders":[{"kind":"later","by":"a","why":"` + strings.Repeat("why ", 64) + `"}]}]}]}`,
	} {
		_, stdout, stderr := run(t, "", "fleet", "status", "-url", answering(t, "application/json", body))
		require.Empty(t, stderr)
		for line := range strings.Lines(stdout) {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), cli.ScreenColumns, line)
		}
	}
	code, _, _ := run(t, "", "fleet", "status", "-url", answering(t, "application/json",
		`{"fleets":[{"fleet":"f","pod":"p","services":[{"name":"a","pods":`+most+`,"successes":`+most+`,"failures":1}]}]}`))
	require.Equal(t, cli.OK, code)
}

func TestSpokenTimes(t *testing.T) {
	for seconds, want := range map[float64]string{
		-1: "0s", 0: "0s", 0.04: "0s", 0.42: "0.4s", 9.9: "9.9s", 10: "10s", 119.4: "1m59s", 120: "2m", 1e4: "2h47m", 86400: "24h",
	} {
		require.Equal(t, want, spoken(seconds), seconds)
	}
}
