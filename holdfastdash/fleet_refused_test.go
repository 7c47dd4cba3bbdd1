package holdfastdash

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Each refusal changes nothing, says why, and is logged with who asked.
func TestOrdersThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &weakStore{Transport: fleet.InProcess()}
		p := newPods(t, 2, store, fleet.WithKey(fleetKey))[0]
		pass(2 * time.Second)
		header := func(name, value string) func(r *http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		order := func(with string) string {
			return `{"service":"payments","order":"isolate","why":"x"` + with + `}`
		}
		for _, c := range []struct {
			name, body string
			change     func(r *http.Request)
			status     int
			want       string
		}{
			{"who may not tune", isolateAll, header("User", "mallory"), 403, "mallory may look only"},
			{"nobody", isolateAll, header("User", ""), 403, "log in first"},
			{"an authorizer that panics", isolateAll, header("User", "panic"), 403, "the authorizer panicked"},
			{"no token", isolateAll, header(tokenHeader, ""), 403, "header Holdfast-Token is missing"},
			{"another's token", isolateAll, header("User", "ada"), 403, "is not valid"},
			{"another site", isolateAll, header("Sec-Fetch-Site", "cross-site"), 403, "another origin"},
			{"nowhere", isolateAll, func(r *http.Request) { r.Header.Del("Sec-Fetch-Site") }, 403, "does not say where it comes from"},
			{"a form", isolateAll, header("Content-Type", "text/plain"), 415, "want application/json"},
			{"no JSON", `{`, nil, 400, "not what was expected"},
			{"too much", `{"why":"` + strings.Repeat("x", maxBody) + `"}`, nil, 413, "too large"},
			{"unknown key", order(`,"force":true`), nil, 400, "force"},
			{"a text for a number", order(`,"for_seconds":"1h"`), nil, 400, "want a number"},
			{"another fleet", order(`,"fleet":"blog"`), nil, 404, `fleet \"blog\" is not on this page; want \"shop\"`},
			{"no service", `{"order":"isolate","why":"x"}`, nil, 422, "service is missing"},
			{"mistyped", order(`,"service":"paymets"`), nil, 404, `no pod of fleet \"shop\" has a service \"paymets\"; this pod has \"payments\"`},
			{"no order", `{"service":"payments","why":"x"}`, nil, 422, "want isolate, reset, tune or withdraw"},
			{"no why", `{"service":"payments","order":"isolate","why":" "}`, nil, 422, `{"field":"why","message":"why is \" \"; want 1 to 256 bytes of printable text"}`},
			{"a why of lines", `{"service":"payments","order":"isolate","why":"a\nb"}`, nil, 422, `"field":"why"`},
			{"too short", order(`,"for_seconds":0.5`), nil, 422, `{"field":"for_seconds","message":"for_seconds is 500ms; want 1s to 24h0m0s`},
			{"too long", order(`,"for_seconds":86401`), nil, 422, `"field":"for_seconds"`},
			{"for ever", order(`,"for_seconds":1e300`), nil, 422, `"field":"for_seconds"`},
			{"not for", order(`,"for_seconds":-1`), nil, 422, `"field":"for_seconds"`},
			{"no ratio", `{"service":"payments","order":"tune","why":"x"}`, nil, 422, `"field":"ratio"`},
			{"a ratio below 0", `{"service":"payments","order":"tune","why":"x","ratio":-1}`, nil, 422, "ratio is -1; want a number from 0"},
			{"a ratio above 1000", `{"service":"payments","order":"tune","why":"x","ratio":1001}`, nil, 422, "ratio is 1001"},
			{"nothing in force", withdrawAll, nil, 404, "there is nothing to withdraw"},
			{"a reset withdrawn", `{"service":"payments","order":"withdraw","kind":"reset","why":"x"}`, nil, 422, "isolate or tune"},
			{"another method", isolateAll, func(r *http.Request) { r.Method = http.MethodPut }, 405, "want GET or POST"},
		} {
			before := p.log.count("order for a fleet refused")
			change := c.change
			if change == nil {
				change = func(*http.Request) {}
			}
			status, body := p.tell(c.body, change)
			require.Equal(t, c.status, status, "%s: %s", c.name, body)
			require.Contains(t, body, c.want, c.name)
			require.Contains(t, body, `{"errors":[`, c.name)
			if status != http.StatusMethodNotAllowed {
				require.Equal(t, before+1, p.log.count("order for a fleet refused"), "%s: it is logged", c.name)
			}
		}
		require.Contains(t, p.log.String(), "by=mallory")
		pass(2 * time.Second)
		require.Equal(t, breaker.StateClosed, p.state())

		store.gone.Store(true)
		status, body := p.tell(isolateAll)
		require.Equal(t, http.StatusBadGateway, status)
		require.Contains(t, body, "whether the pods hear of the order is not known")
		p.fleet.Leave()
		status, body = p.tell(isolateAll)
		require.Equal(t, http.StatusConflict, status)
		require.Contains(t, body, "this pod has left the fleet")
	})
}

// Without the fleet's key, or a fleet, there are no orders, and the answer says why.
func TestOrdersWithoutAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleet.InProcess()
		p := newPods(t, 1, store)[0]
		newPods(t, 1, store, fleet.WithKey(fleetKey))
		pass(2 * time.Second)
		status, body := p.tell(isolateAll)
		require.Equal(t, http.StatusForbidden, status)
		require.Contains(t, body, "without a key (fleet.WithKey)")
		require.Equal(t, 1, p.log.count("order for a fleet refused"))
		require.False(t, p.asked(t).Hands)

		plain := &pod{desk: newDesk(t)}
		status, body = plain.tell(isolateAll)
		require.Equal(t, http.StatusNotFound, status)
		require.Contains(t, body, "holdfastdash.WithFleet")
		answer := httptest.NewRecorder()
		plain.d.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/fleet", http.NoBody))
		require.Equal(t, http.StatusNotFound, answer.Code)
		require.Contains(t, answer.Body.String(), "holdfastdash.WithFleet")
	})
}
