package holdfastdash

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
)

func TestHandlerRefuses(t *testing.T) {
	payments := newPipeline(t, "payments")
	for name, c := range map[string]struct {
		pipelines []*holdfast.Pipeline
		opts      []Option
		want      string
	}{
		"none":         {nil, nil, "holdfastdash: pipelines is empty; want at least one"},
		"nil":          {[]*holdfast.Pipeline{payments, nil}, nil, "holdfastdash: pipeline 2 is nil; leave it out, or give one made by holdfast.New"},
		"not made":     {[]*holdfast.Pipeline{{}}, nil, "holdfastdash: pipeline 1 is without a name; want one made by holdfast.New"},
		"twice":        {[]*holdfast.Pipeline{payments, payments}, nil, `holdfastdash: pipeline 2 is "payments"; want a name of its own; pipeline 1 has that one`},
		"too often":    {[]*holdfast.Pipeline{payments}, []Option{WithInterval(time.Millisecond)}, "holdfastdash: WithInterval is 1ms; want 100ms to 1m0s, or 0 for the default (1s)"},
		"backwards":    {[]*holdfast.Pipeline{payments}, []Option{WithInterval(-1)}, "holdfastdash: WithInterval is -1ns; want 100ms to 1m0s, or 0 for the default (1s)"},
		"too seldom":   {[]*holdfast.Pipeline{payments}, []Option{WithInterval(time.Hour)}, "holdfastdash: WithInterval is 1h0m0s; want 100ms to 1m0s, or 0 for the default (1s)"},
		"no logger":    {[]*holdfast.Pipeline{payments}, []Option{WithLogger(nil)}, "holdfastdash: WithLogger is nil; want a logger; leave the option out for slog.Default()"},
		"nobody asked": {[]*holdfast.Pipeline{payments}, []Option{WithAuthorizer(nil)}, "holdfastdash: WithAuthorizer is nil; want a function; leave the option out for a page that is read-only"},
		"no option":    {[]*holdfast.Pipeline{payments}, []Option{WithTitle(""), nil}, "holdfastdash: option 2 is nil; leave it out"},
		"all at once": {[]*holdfast.Pipeline{nil}, []Option{WithLogger(nil), WithInterval(1)},
			"holdfastdash: WithLogger is nil; want a logger; leave the option out for slog.Default()\n" +
				"holdfastdash: WithInterval is 1ns; want 100ms to 1m0s, or 0 for the default (1s)\n" +
				"holdfastdash: pipeline 1 is nil; leave it out, or give one made by holdfast.New"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Handler(c.pipelines, c.opts...)
			require.EqualError(t, err, c.want)
			require.Nil(t, d)
		})
	}
}

func TestHandlerDefaults(t *testing.T) {
	d, err := Handler([]*holdfast.Pipeline{newPipeline(t, "payments")}, WithInterval(0), WithTitle(""))
	require.NoError(t, err)
	defer d.Close()
	require.Equal(t, time.Second, d.interval)
	require.Equal(t, "Holdfast", d.title)
	require.NotNil(t, d.log)
}

// get requests a path from h, and returns the response.
func get(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(body)
}

func TestPage(t *testing.T) {
	d := newDashboard(t, []*holdfast.Pipeline{newPipeline(t, "payments")})
	for path, media := range map[string]string{"/": "text/html; charset=utf-8", "/app.js": "text/javascript; charset=utf-8", "/app.css": "text/css; charset=utf-8"} {
		resp := get(t, d, http.MethodGet, path)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Equal(t, media, resp.Header.Get("Content-Type"))
		require.Equal(t, "no-cache", resp.Header.Get("Cache-Control"))
		require.NotEmpty(t, text(t, resp))
		etag := resp.Header.Get("ETag")
		require.NotEmpty(t, etag)

		resp = get(t, d, http.MethodGet, path, "If-None-Match", etag)
		require.Equal(t, http.StatusNotModified, resp.StatusCode)
		resp = get(t, d, http.MethodHead, path)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Empty(t, text(t, resp))
	}
}

// Pins: every response, including errors, has the security headers.
func TestHeaders(t *testing.T) {
	d := newDashboard(t, []*holdfast.Pipeline{newPipeline(t, "payments")})
	for _, c := range []struct {
		method, path string
		status       int
		allow, cache string
	}{
		{"GET", "/", 200, "", "no-cache"},
		{"POST", "/", 405, "GET, HEAD", "no-store"},
		{"GET", "/app.js", 200, "", "no-cache"},
		{"DELETE", "/app.js", 405, "GET, HEAD", "no-store"},
		{"HEAD", "/events", 200, "", "no-store"},
		{"POST", "/events", 405, "GET, HEAD", "no-store"},
		{"GET", "/session", 200, "", "no-store"},
		{"HEAD", "/session", 200, "", "no-store"},
		{"PUT", "/session", 405, "GET, HEAD", "no-store"},
		{"GET", "/tune", 405, "POST", "no-store"},
		{"OPTIONS", "/tune", 405, "POST", "no-store"},
		{"POST", "/tune", 403, "", "no-store"},
		{"GET", "/index.html", 404, "", "no-store"},
		{"GET", "/page/app.js", 404, "", "no-store"},
		{"GET", "/../handler.go", 404, "", "no-store"},
	} {
		resp := get(t, d, c.method, c.path)
		require.Equal(t, c.status, resp.StatusCode, "%s %s", c.method, c.path)
		require.Equal(t, c.allow, resp.Header.Get("Allow"), "%s %s", c.method, c.path)
		require.Equal(t, c.cache, resp.Header.Get("Cache-Control"), "%s %s", c.method, c.path)
		require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'", resp.Header.Get("Content-Security-Policy"))
		require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", resp.Header.Get("Referrer-Policy"))
		require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
	}
	require.Equal(t, "no", get(t, d, http.MethodHead, "/events").Header.Get("X-Accel-Buffering"))
}

func TestMountedUnderAPrefix(t *testing.T) {
	d := newDashboard(t, []*holdfast.Pipeline{newPipeline(t, "payments")})
	mux := http.NewServeMux()
	mux.Handle("/debug/dash/", http.StripPrefix("/debug/dash", d))
	mux.Handle("/other/", http.StripPrefix("/other/", d))
	mux.Handle("/exact", http.StripPrefix("/exact", d))
	mux.Handle("/forgotten/", d)
	for path, want := range map[string]int{
		"/debug/dash/": 200, "/debug/dash/app.js": 200, "/debug/dash/session": 200,
		"/other/": 200, "/other/app.js": 200, "/other/session": 200,
		"/exact": 307, "/forgotten/": 404,
	} {
		require.Equal(t, want, get(t, mux, http.MethodGet, path).StatusCode, path)
	}
	require.Equal(t, "./exact/", get(t, mux, http.MethodGet, "/exact?x=//evil").Header.Get("Location"))
	require.Contains(t, text(t, get(t, mux, http.MethodGet, "/forgotten/")), `"/forgotten/" here; a dashboard that is not mounted at the root of a host wants http.StripPrefix`)
	for path, want := range map[string]string{"//evil.example": "./evil.example/", "/a/b%2F..": "./b%2F../", "/a b": "./a%20b/"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.RequestURI, r.URL.Path = strings.ReplaceAll(path, " ", "%20"), ""
		answer := httptest.NewRecorder()
		d.ServeHTTP(answer, r)
		require.Equal(t, want, answer.Header().Get("Location"), "never to another host")
	}
}
