package holdfastdash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var fleetKey = []byte("the key of a fleet, of 32 bytes.")

// weakStore is a fleet's store that can be out of order.
type weakStore struct {
	fleet.Transport
	gone atomic.Bool
}

func (s *weakStore) err() error {
	if s.gone.Load() {
		return errors.New("no store <b>here</b>\n\x1b[2J")
	}
	return nil
}

func (s *weakStore) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.Transport.Exchange(ctx, e)
}

func (s *weakStore) Look(ctx context.Context, room string) (fleet.News, error) {
	if err := s.err(); err != nil {
		return fleet.News{}, err
	}
	return s.Transport.Look(ctx, room)
}

func (s *weakStore) Order(ctx context.Context, room string, slot int, order []byte, ttl time.Duration) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.Transport.Order(ctx, room, slot, order, ttl)
}

// pod is one of a fleet's, with its page.
type pod struct {
	*desk
	fleet    *fleet.Fleet
	pipeline *holdfast.Pipeline
}

// newPods returns pods of the fleet shop, which follow a service each has, payments. Call it in a
// bubble.
func newPods(t *testing.T, n int, store fleet.Transport, opts ...fleet.Option) []*pod {
	t.Helper()
	pods := make([]*pod, n)
	for i := range pods {
		p := newPipeline(t, "payments", budget.Config{Ratio: 0.1}, retry.Config{}, breaker.Config{})
		f, err := fleet.Join(t.Context(), store, "shop",
			append([]fleet.Option{fleet.WithPod(fmt.Sprint("pod-", i)), fleet.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
		require.NoError(t, err)
		t.Cleanup(f.Leave)
		f.Add(p)
		log := newLog()
		k := sit(t, newDashboard(t, []*holdfast.Pipeline{p}, WithAuthorizer(byHeader), WithLogger(log.logger()), WithFleet(f)))
		k.log = log
		pods[i] = &pod{k, f, p}
	}
	return pods
}

func (p *pod) state() breaker.State { return p.pipeline.Breakers()[0].State() }

// tell sends an order, and returns the answer's status and body.
func (p *pod) tell(body string, change ...func(r *http.Request)) (int, string) {
	r := p.order(body)
	r.URL.Path = "/fleet"
	for _, c := range change {
		c(r)
	}
	answer := p.send(r)
	return answer.Code, answer.Body.String()
}

// fleetStanding is what GET says of a fleet, as a program reads it.
type fleetStanding struct {
	Fleet    string
	Hands    bool
	Forged   uint64
	Services []struct {
		Name, State string
		Pods        uint64
		Age         float64 `json:"age_seconds"`
		Orders      []fleet.OrderStats
	}
}

// asked returns what GET says of the only fleet.
func (p *pod) asked(t *testing.T) fleetStanding {
	t.Helper()
	answer := httptest.NewRecorder()
	p.d.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/fleet", http.NoBody))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, "application/json", answer.Header().Get("Content-Type"))
	var got struct{ Fleets []fleetStanding }
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got))
	require.Len(t, got.Fleets, 1)
	return got.Fleets[0]
}

const (
	isolateAll  = `{"fleet":"shop","service":"payments","order":"isolate","why":"card scheme down","for_seconds":60}`
	withdrawAll = `{"fleet":"shop","service":"payments","order":"withdraw","kind":"isolate","why":"it is back"}`
)

// One page orders, and all pods obey; every page shows the order; it ends by itself, or is
// withdrawn.
func TestOrdersForAllPods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pods := newPods(t, 3, fleet.InProcess(), fleet.WithKey(fleetKey))
		all := func(want breaker.State) {
			t.Helper()
			pass(2 * time.Second)
			for _, p := range pods {
				require.Equal(t, want, p.state())
			}
		}
		all(breaker.StateClosed)
		status, body := pods[1].tell(isolateAll)
		require.Equal(t, http.StatusOK, status, body)
		require.JSONEq(t, `{"fleet":"shop","service":"payments","order":"isolate","by":"mary","why":"card scheme down","for_seconds":60}`, body)
		all(breaker.StateIsolated)
		for _, p := range pods {
			got := p.asked(t)
			require.Equal(t, "shop", got.Fleet)
			require.EqualValues(t, 3, got.Services[0].Pods)
			require.Len(t, got.Services[0].Orders, 1)
			require.Equal(t, "mary", got.Services[0].Orders[0].By)
		}
		require.Equal(t, 1, pods[1].log.count(`msg="order for a fleet given by hand" fleet=shop service=payments order=isolate by=mary why="card scheme down"`), pods[1].log)
		pass(time.Minute)
		all(breaker.StateClosed)

		status, body = pods[0].tell(isolateAll)
		require.Equal(t, http.StatusOK, status, body)
		all(breaker.StateIsolated)
		status, body = pods[2].tell(withdrawAll)
		require.Equal(t, http.StatusOK, status, body)
		all(breaker.StateClosed)
		status, body = pods[2].tell(withdrawAll)
		require.Equal(t, http.StatusNotFound, status, body)
		require.Contains(t, body, "there is nothing to withdraw")

		for ratio, want := range map[string]float64{"0.5": 0.5, "0": -1} {
			status, body = pods[0].tell(`{"service":"payments","order":"tune","ratio":` + ratio + `,"why":"fewer retries"}`)
			require.Equal(t, http.StatusOK, status, body)
			pass(2 * time.Second)
			require.InDelta(t, want, pods[2].pipeline.Budget().Config().Ratio, 0)
		}
		pass(time.Hour)
		require.InDelta(t, 0.1, pods[2].pipeline.Budget().Config().Ratio, 0)

		_, err := pods[0].pipeline.Tune(t.Context(), holdfast.Tuning{By: "ada", Isolate: []string{"payments"}})
		require.NoError(t, err)
		status, body = pods[2].tell(`{"service":"payments","order":"reset","why":"all is well"}`)
		require.Equal(t, http.StatusOK, status, body)
		all(breaker.StateClosed)
	})
}

// Who is named by the authorizer, gives the order by that name. The request's name counts only if
// there is none; and no name is too odd to give orders.
func TestWhoGivesAnOrder(t *testing.T) {
	long := strings.Repeat("é", 100)
	for _, c := range []struct{ who, by, want string }{
		{"mary", "root", "mary"},
		{"", "root", "root"},
		{"CN=a\nb", "", `CN=a\nb`},
		{long, "", strings.Repeat("é", 62) + "…"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPods(t, 1, fleet.InProcess(), fleet.WithKey(fleetKey))[0]
			p.d.authorize = func(*http.Request) (string, error) { return c.who, nil }
			p.token = p.d.tokens.of(p.cookie.Value, c.who)
			pass(2 * time.Second)
			status, body := p.tell(strings.Replace(isolateAll, "{", `{"by":"`+c.by+`",`, 1))
			require.Equal(t, http.StatusOK, status, body)
			pass(2 * time.Second)
			require.Contains(t, p.fleet.Stats().Services[0].Orders[0].By, c.want)
		})
	}
}

// An order in the store that is not signed with the key changes nothing. The page tells of it.
func TestForgedOrderOnThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleet.InProcess()
		pods := newPods(t, 2, store, fleet.WithKey(fleetKey))
		other := newPods(t, 1, store, fleet.WithKey([]byte("another key, of 32 random bytes!")))[0]
		pass(2 * time.Second)
		status, body := other.tell(isolateAll)
		require.Equal(t, http.StatusOK, status, body)
		pass(5 * time.Second)
		for _, p := range pods {
			require.Equal(t, breaker.StateClosed, p.state())
			require.Positive(t, p.asked(t).Forged)
			require.Empty(t, p.asked(t).Services[0].Orders)
			require.Contains(t, string(p.d.history.greeting().data), `"forged":`)
		}
	})
}

func TestFleetOptions(t *testing.T) {
	f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop")
	require.NoError(t, err)
	defer f.Leave()
	_, err = Handler([]*holdfast.Pipeline{newPipeline(t, "payments")}, WithFleet(nil), WithFleet(f), WithFleet(f))
	require.EqualError(t, err, "holdfastdash: WithFleet is nil; want a fleet that was joined; leave the option out for a page without one\n"+
		`holdfastdash: WithFleet is "shop"; want each fleet once, and each with a name of its own`)
}
