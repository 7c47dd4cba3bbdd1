package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

// served serves h with or without TLS. Its log is silent.
func served(t *testing.T, h http.HandlerFunc, withTLS bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if withTLS {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// refusedBy runs status and an order against a server, which must fail with these words, tell no
// secret, and show nothing that a terminal would do more with than show.
func refusedBy(t *testing.T, url, want string, args ...string) {
	t.Helper()
	args = append(args, "-url", url, "-header", "Authorization: Bearer top-secret", "-header", "Extra: top-secret")
	for _, command := range [][]string{
		{"fleet", "status"}, {"fleet", "status", "-json"}, {"fleet", "isolate", "-service", "a", "-why", "x"},
	} {
		code, stdout, stderr := run(t, "", append(command, args...)...)
		require.Equal(t, cli.Failure, code, stderr)
		require.Empty(t, stdout)
		require.Contains(t, stderr, want)
		require.Less(t, len(stderr), 1000)
		require.NotContains(t, stderr, "top-secret")
		requireShown(t, stderr, command...)
	}
}

// What answers is no page of Holdfast, or one that means no good.
func TestFleetAndStrangeServers(t *testing.T) {
	html := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>\x1b[2Jlog in, top-secret</html>")
		}
	}
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		want string
	}{
		"HTML":         {html(200), "answers with status 200 and text/html, not JSON; want the address of a page of package holdfastdash"},
		"not there":    {html(404), "has nothing there (status 404)"},
		"a password":   {html(401), "wants to know who you are (status 401); want -header 'Authorization: …', or $HOLDFAST_PAGE_AUTHORIZATION"},
		"not let in":   {html(403), "lets you not in (status 403)"},
		"closed":       {html(503), "is closed at the moment (status 503); ask another pod"},
		"an odd type":  {func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil }, "answers with status 200 and something, not JSON"},
		"no JSON":      {text(200, `{"fleets": [`), "answers with JSON that is not what a page of Holdfast says"},
		"another type": {text(200, `{"fleets": 7, "token": 7}`), "answers with JSON that is not what a page of Holdfast says"},
		"a status":     {text(500, `{}`), "answers with status 500 Internal Server Error"},
		"errors":       {text(422, `{"errors": [{"message": "no\n\u001b[2J::error::x"}, {"message": "and no"}]}`), `says: no\u000a\u001b[2J::error::x; and no`},
		"a big answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(bytes.Repeat([]byte(" "), 10<<20))
		}, "answers with more than 4194304 bytes; that is no page of Holdfast"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{")
		}, "broke the connection off"},
	} {
		t.Run(name, func(t *testing.T) { refusedBy(t, served(t, c.h, false).URL, c.want) })
	}
}

// A redirect is followed within the host, as to the folder with a slash, and nowhere else: the
// other host would be told the headers.
func TestFleetTellsNoOtherHostTheHeaders(t *testing.T) {
	var told atomic.Int64
	other := served(t, func(http.ResponseWriter, *http.Request) { told.Add(1) }, false)
	for _, status := range []int{301, 302, 303, 307, 308} {
		to := served(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+r.URL.Path, status) }, false)
		refusedBy(t, to.URL, "redirected: to "+other.URL+", and it is not followed there, since that would be told the headers")
	}
	require.Zero(t, told.Load())
	var round *httptest.Server
	round = served(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, round.URL, http.StatusFound) }, false)
	refusedBy(t, round.URL, "redirected")

	page := served(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/new/") {
			http.Redirect(w, r, "/new"+r.URL.Path, http.StatusPermanentRedirect)
			return
		}
		if r.Header.Get("Authorization") != "Basic YWRhOnRvcC1zZWNyZXQ=" || r.Host != "pod.example" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, twoFleets)
	}, false)
	withUser := strings.Replace(page.URL, "//", "//ada:top-secret@", 1)
	code, stdout, stderr := run(t, "", "fleet", "status", "-url", withUser, "-fleet", "shop", "-header", "Host: pod.example")
	require.Equal(t, cli.OK, code, stderr)
	require.Contains(t, stdout, "payments")
	_, _, stderr = run(t, "", "fleet", "status", "-url", withUser)
	require.Contains(t, stderr, "the page at "+page.URL+"/ wants to know who you are")
	require.NotContains(t, stderr, "secret")
}

// A server that never answers, one that is not there, and one whose TLS is not right.
func TestFleetAndTroubleOnTheWay(t *testing.T) {
	slow := served(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false)
	refusedBy(t, slow.URL, "did not answer in time", "-timeout", "100ms")
	drip := served(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}, false)
	refusedBy(t, drip.URL, "did not answer in time", "-timeout", "100ms")

	refusedBy(t, "http://127.0.0.1:1", "does not answer: nobody listens on that port")

	ok := func(http.ResponseWriter, *http.Request) {}
	secure := served(t, ok, true)
	refusedBy(t, secure.URL, "has a certificate that nobody has signed whom this machine trusts; if that is your own authority, give its certificate by $SSL_CERT_FILE")
	refusedBy(t, strings.Replace(secure.URL, "https", "http", 1), "wants HTTPS; want -url https://…")
	refusedBy(t, strings.Replace(served(t, ok, false).URL, "http", "https", 1), "speaks no TLS; want -url http://… if that is meant")

	require.Contains(t, ofTLS(&tls.CertificateVerificationError{Err: io.EOF}, "pod"), "not valid: EOF")
	require.Contains(t, ofTLS(tls.AlertError(116), "pod"), "refuses TLS: tls: certificate required")
}

// Only an order that may have been under way is said not to be known.
func TestFleetOrderThatIsLost(t *testing.T) {
	var posted atomic.Int64
	s := served(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			posted.Add(1)
			_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client is gone
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"token":"t"}`)
	}, false)
	known := true
	for limit := 300 * time.Millisecond; known && limit < time.Minute; limit *= 2 { // a busy machine may not get as far as the order
		code, _, stderr := run(t, "", "fleet", "reset", "-service", "a", "-why", "x", "-url", s.URL, "-timeout", limit.String())
		require.Equal(t, cli.Failure, code)
		require.Contains(t, stderr, "did not answer in time")
		known = !strings.Contains(stderr, "did not answer in time; whether the order was given is not known")
		if known {
			require.Zero(t, posted.Load(), stderr)
		}
	}
	require.False(t, known)
	require.Eventually(t, func() bool { return posted.Load() == 1 }, 20*time.Second, time.Millisecond)
}

// What a page says of a fleet does nothing to a terminal, neither as a table nor as JSON.
func TestFleetNamesDoNothingToATerminal(t *testing.T) {
	for _, name := range hostile {
		quoted, err := json.Marshal(name)
		require.NoError(t, err)
		n := string(quoted)
		body := `{"fleets":[{"fleet":` + n + `,"pod":` + n + `,"apart":true,"why":` + n + `,"services":[{"name":` + n + `,"state":` + n + `,"holder":` + n +
			`,"orders":[{"kind":` + n + `,"by":` + n + `,"why":` + n + `}]}]}],
			"token":"t","fleet":` + n + `,"service":` + n + `,"order":` + n + `,"kind":` + n + `,"by":` + n + `,"why":` + n + `}`
		url := answering(t, "application/json", body)
		for _, args := range [][]string{
			{"fleet", "status"}, {"fleet", "status", "-json"}, {"fleet", "status", "-service", "a"}, {"fleet", "status", "-fleet", "a"},
			{"fleet", "isolate", "-service", "a", "-why", "x"}, {"fleet", "isolate", "-json", "-service", "a", "-why", "x"},
			{"fleet", "withdraw", "tune", "-service", name, "-why", "x" + name, "-by", name},
		} {
			_, stdout, stderr := run(t, "", append(args, "-url", url)...)
			requireShown(t, stdout, args...)
			requireShown(t, stderr, args...)
		}
		refusedBy(t, answering(t, name, body), "the page at http://127.0.0.1:")
	}
}
