package storm_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/suite"

	"github.com/media-gateway/holdfast/storm"
)

// direct hands requests to a handler without any network, so that it works in a bubble.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := make(chan *http.Response, 1)
	go func() {
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, req)
		answer <- w.Result()
	}()
	select {
	case resp := <-answer:
		return resp, nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

func directly(t *testing.T, h http.Handler) (send func(ctx context.Context) error, end func()) {
	t.Helper()
	return sendOver(direct{h}, "http://backend/"), func() {}
}

// The backend answers as the lab's server does, and the clients on it do what they do in the lab:
// the same storms as over the network, in a bubble. The lab draws the times of the works in another
// order, so the figures differ by some chance.
func TestTheBackendIsTheLabsServer(t *testing.T) {
	seeds := 3
	if suite.Partly() {
		seeds = 1
	}
	clients := []string{ours, sameLoop, noRetries}
	n := realNumbers(t, "standard")
	for _, tr := range realTroubles {
		found, lab := map[string][]outcome{}, map[string][]outcome{}
		for seed := 1; seed <= seeds; seed++ {
			synctest.Test(t, func(t *testing.T) {
				outcomes, late := playFor(t, n, tr.play(n), clients, seed, directly)
				require.Zero(t, late)
				for i, client := range clients {
					found[client] = append(found[client], outcomes[i])
				}
			})
			for _, client := range clients {
				lab[client] = append(lab[client], playInLab(t, n, tr, client, seed))
			}
		}
		for _, client := range clients {
			is, want := mean(found[client]), mean(lab[client])
			t.Logf("%s, %s: %v, and in the lab %v", tr.name, client, is, want)
			assert.InDelta(t, want.after, is.after, clearly, "%s, %s: after", tr.name, client)
			assert.InDelta(t, want.since, is.since, clearly, "%s, %s: since", tr.name, client)
			assert.InDelta(t, want.amplification, is.amplification, 2*clearly, "%s, %s: attempts", tr.name, client)
		}
	}
}

// answered is a request's answer, and when it came.
type answered struct {
	status int
	at     time.Duration
}

// ask has a request sent to a backend at each of these times, and returns the answers.
func ask(t *testing.T, s storm.Scenario, at ...time.Duration) []answered {
	t.Helper()
	b := newBackend(s, 1)
	answers := make([]answered, len(at))
	for i, at := range at {
		go func() {
			<-time.After(at)
			w := httptest.NewRecorder()
			b.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody))
			answers[i] = answered{w.Code, time.Since(b.begun)}
		}()
	}
	<-time.After(time.Hour)
	synctest.Wait()
	b.close()
	synctest.Wait()
	return answers
}

func TestBackend(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	server := func(workers, queue int) storm.Server {
		return storm.Server{Workers: workers, QueueLimit: queue, Service: storm.Fixed(s)}
	}
	never := answered{http.StatusServiceUnavailable, time.Hour}
	for _, c := range []struct {
		name string
		storm.Scenario
		at   []time.Duration
		want []answered
	}{
		{"a worker each", storm.Scenario{Server: server(2, -1)}, []time.Duration{0, ms}, []answered{{200, s}, {200, s + ms}}},
		{"first come, first served", storm.Scenario{Server: server(1, 0)}, []time.Duration{0, ms, 2 * ms},
			[]answered{{200, s}, {200, 2 * s}, {200, 3 * s}}},
		{"no place to wait", storm.Scenario{Server: server(1, -1)}, []time.Duration{0, ms}, []answered{{200, s}, {503, ms}}},
		{"one place to wait", storm.Scenario{Server: server(1, 1)}, []time.Duration{0, ms, 2 * ms, s + ms},
			[]answered{{200, s}, {200, 2 * s}, {503, 2 * ms}, {200, 3 * s}}},
		{"an outage", storm.Scenario{
			Server: server(1, -1), Triggers: []storm.Trigger{{At: s, For: s, ErrorRatio: 1}},
		}, []time.Duration{s - ms, s, 2*s - 1, 2 * s}, []answered{{200, 2*s - ms}, {500, s}, {500, 2*s - 1}, {200, 3 * s}}},
		{"an outage again and again", storm.Scenario{
			Server: server(9, 0), Triggers: []storm.Trigger{{At: s, For: s, Every: 2 * s, ErrorRatio: 1}},
		}, []time.Duration{s, 2 * s, 3 * s, 4 * s, 5 * s}, []answered{{500, s}, {200, 3 * s}, {500, 3 * s}, {200, 5 * s}, {500, 5 * s}}},
		{"an outage without an end", storm.Scenario{
			Server: server(9, 0), Triggers: []storm.Trigger{{At: s, ErrorRatio: 1}},
		}, []time.Duration{0, s, 9 * s}, []answered{{200, s}, {500, s}, {500, 9 * s}}},
		{"a loss of all capacity", storm.Scenario{
			For: 9 * s, Server: server(2, 0), Triggers: []storm.Trigger{{At: ms, For: 5 * s, CapacityLoss: 1}},
		}, []time.Duration{0, 2 * ms, 3 * ms}, []answered{{200, s}, {200, 6*s + ms}, {200, 6*s + ms}}},
		{"a loss of half of the capacity", storm.Scenario{
			For: 9 * s, Server: server(2, 0), Triggers: []storm.Trigger{{For: 1500 * ms, CapacityLoss: 0.5}},
		}, []time.Duration{0, ms, 2 * ms}, []answered{{200, s}, {200, 2 * s}, {200, 2500 * ms}}},
		{"a loss again and again", storm.Scenario{
			For: 9 * s, Server: server(1, 0), Triggers: []storm.Trigger{{For: 2 * s, Every: 4 * s, CapacityLoss: 1}},
		}, []time.Duration{0, ms, 2 * ms}, []answered{{200, 3 * s}, {200, 4 * s}, {200, 7 * s}}},
		{"a loss without an end", storm.Scenario{
			For: 9 * s, Server: server(1, 0), Triggers: []storm.Trigger{{At: s, CapacityLoss: 1}},
		}, []time.Duration{0, ms}, []answered{{200, s}, never}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.Equal(t, c.want, ask(t, c.Scenario, c.at...))
			})
		})
	}
}

// The work goes on for a caller who has left.
func TestBackendWorksForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(storm.Scenario{Server: storm.Server{Workers: 1, Service: storm.Fixed(time.Second)}}, 1)
		defer b.close()
		send, _ := directly(t, b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, send(ctx), context.DeadlineExceeded)
		require.NoError(t, send(t.Context()))
		require.Equal(t, 2*time.Second, time.Since(b.begun))
	})
}

// One request over the network, for each answer that there is.
func TestOverLoopback(t *testing.T) {
	for status, want := range map[int]error{
		http.StatusOK: nil, http.StatusServiceUnavailable: errStatus503, http.StatusInternalServerError: errStatus500,
	} {
		send, end := overLoopback(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		require.Equal(t, want, send(t.Context()))
		end()
	}
}
