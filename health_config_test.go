package holdfast_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// file is a configuration file of a test.
type file struct {
	holdfast.ConfigStatus

	panics bool
}

func (f *file) Status() holdfast.ConfigStatus {
	if f.panics {
		panic("no status")
	}
	return f.ConfigStatus
}

func ask(t *testing.T, h http.Handler) (status int, body string) {
	t.Helper()
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/health", nil))
	require.True(t, json.Valid(answer.Body.Bytes()))
	var compact strings.Builder
	for line := range strings.Lines(answer.Body.String()) {
		compact.WriteString(strings.TrimSpace(line))
	}
	return answer.Code, compact.String()
}

// A file that is refused is seen in the answer, and takes no pod out of rotation.
func TestHealthSaysHowAConfigurationFileStands(t *testing.T) {
	p := holdfast.Must(holdfast.New("payments", breaker.Config{}))
	f := &file{ConfigStatus: holdfast.ConfigStatus{Path: "services.yaml", Applied: time.UnixMilli(1000)}}
	rules := holdfast.HealthRules{}.WithConfig(f)
	code, body := ask(t, rules.Handler(p))
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, `{"state": "healthy",`)
	require.Contains(t, body, `"config": [{"path": "services.yaml","state": "healthy","applied_unix_ms": 1000}]`)

	f.Err, f.Refused = errors.New("services.yaml:3:7: no"), time.UnixMilli(2000)
	services := holdfast.NewRegistry()
	require.NoError(t, services.Apply(holdfast.Services{"payments": p.Stages()}))
	for _, h := range []http.Handler{rules.Handler(p), rules.RegistryHandler(services)} {
		code, body = ask(t, h)
		require.Equal(t, http.StatusOK, code)
		require.Contains(t, body, `{"state": "degraded",`)
		require.Contains(t, body, `"name": "payments","state": "healthy"`, "the pipeline is well")
		require.Contains(t, body, `{"path": "services.yaml","state": "degraded","why": "refused: services.yaml:3:7: no","refused_unix_ms": 2000,"applied_unix_ms": 1000}`)
	}

	p.Breakers()[0].Isolate()
	code, body = ask(t, rules.Handler(p))
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, body, `{"state": "unhealthy",`)

	f.Ended = true
	_, body = ask(t, rules.Handler())
	require.Contains(t, body, `"ended": true`)
	_, body = ask(t, holdfast.Health(p))
	require.NotContains(t, body, "config")
}

// What is wrong with a file is shown, and is never the end of the answer.
func TestHealthOfFilesThatAreOdd(t *testing.T) {
	long := &file{ConfigStatus: holdfast.ConfigStatus{Path: "a\n\u202eb", Err: errors.New(strings.Repeat("é\u202e", 5000))}}
	rules := holdfast.HealthRules{}.WithConfig(nil, (*file)(nil)).WithConfig(&file{panics: true}, long)
	code, body := ask(t, rules.Handler())
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, 2, strings.Count(body, "the ConfigFile is nil"))
	require.Contains(t, body, "its Status method panics")
	require.Less(t, len(body), 2500)
	require.True(t, utf8.ValidString(body))
	require.Contains(t, body, `\\u202e`, "escaped")
	one := holdfast.HealthRules{}.WithConfig(long)
	_, _ = one.WithConfig(long), one.WithConfig(nil)
	_, body = ask(t, one.WithConfig(long).Handler())
	require.NotContains(t, body, "is nil", "rules are values")
}

func ExampleHealthRules_WithConfig() {
	var watcher holdfast.ConfigFile = &file{ConfigStatus: holdfast.ConfigStatus{ // in a program: watcher, err := config.Watch(ctx, "services.yaml", services)
		Path: "services.yaml", Err: errors.New("services.yaml:3:7: retries is no key"), Applied: time.UnixMilli(1767139200000), Refused: time.UnixMilli(1767225600000),
	}}
	answer := httptest.NewRecorder()
	holdfast.HealthRules{}.WithConfig(watcher).Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/health", nil))
	fmt.Print(answer.Code, " ", answer.Body)
	// Output:
	// 200 {
	//   "state": "degraded",
	//   "pipelines": [],
	//   "config": [
	//     {
	//       "path": "services.yaml",
	//       "state": "degraded",
	//       "why": "refused: services.yaml:3:7: retries is no key",
	//       "refused_unix_ms": 1767225600000,
	//       "applied_unix_ms": 1767139200000
	//     }
	//   ]
	// }
}
