package holdfastdash

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const events = "http://dash/events"

var errDown = resilience.MarkTransient(errors.New("down"))

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, "payments", bulkhead.Config{MaxConcurrent: 5, QueueLimit: 9}, budget.Config{}, retry.Config{MaxRetries: 1, BaseDelay: time.Millisecond},
			breaker.Config{ConsecutiveFailures: 4, OpenFor: 20 * time.Second})
		idle := newPipeline(t, "idle")
		d := newDashboard(t, []*holdfast.Pipeline{p, idle}, WithTitle("Shop"), WithInterval(2*time.Second))
		client := serve(t, d, nil)
		pass(6*time.Second + time.Millisecond)

		b := connect(t, client, events)
		var hello greeting
		b.wants(t, "hello", &hello)
		require.Equal(t, "Shop", hello.Title)
		require.Equal(t, 2.0, hello.Interval)
		require.Equal(t, 60, hello.History)
		require.Equal(t, time.Now().Add(-time.Millisecond).UnixMilli(), hello.Time)
		require.Equal(t, "payments", hello.Pipelines[0].Name)
		require.Equal(t, "payments: "+hello.Pipelines[0].Chain, p.String())
		require.Len(t, hello.Pipelines[0].Samples, 3)
		require.NotNil(t, hello.Pipelines[0].Samples[0])
		require.Nil(t, hello.Pipelines[0].Samples[1], "the same as before")
		require.NotNil(t, hello.Pipelines[0].Samples[2], "the last is always told")
		require.Equal(t, &budgetSample{Tokens: 10, Burst: 10, Ratio: 0.1, Floor: 1, On: "success"}, hello.Pipelines[0].Samples[0].Budget)

		synctest.Wait() // it is watched now
		for range 8 {
			call(t, p, 20*time.Millisecond, nil)
		}
		call(t, p, 0, errDown) // 2 attempts
		var now tick
		b.wants(t, "tick", &now)
		require.Equal(t, 1, now.Viewers)
		require.Zero(t, now.Dropped)
		require.Len(t, now.Samples, 1, "nothing is said of the idle one")
		s := now.Samples["0"]
		require.Equal(t, 4.5, s.Calls)
		require.Equal(t, 5.0, s.Attempts)
		require.Equal(t, 4.0, s.Good)
		require.Equal(t, 1.111, *s.Amp)
		require.InEpsilon(t, 0.02, s.P50, 0.04)
		require.InEpsilon(t, 0.02, s.P99, 0.04)
		require.Equal(t, map[string]float64{"retries_exhausted": 0.5}, s.Denied)
		require.Equal(t, 9.0, s.Budget.Tokens)
		require.Equal(t, []breakerSample{{Name: "payments", State: "closed", Failures: 2, Requests: 10}}, s.Breakers)
		require.Equal(t, []limitSample{{Stage: "bulkhead", Of: "places", Full: "Bulkhead full", Max: 5, Queue: 9}}, s.Limits)

		call(t, p, 0, errDown) // opens the breaker
		b.wants(t, "tick", &now)
		require.Equal(t, "open", now.Samples["0"].Breakers[0].State)
		require.InDelta(t, 20.5, now.Samples["0"].Breakers[0].RetryIn, 2.6, "18 s, and up to 5 more")
		require.Zero(t, now.Samples["1"])
	})
}

// Pins: a hello has the last 60 samples and no more, and does not need the one before them.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, "payments")
		d := newDashboard(t, []*holdfast.Pipeline{p})
		client := serve(t, d, nil)
		call(t, p, 0, nil)
		pass(100*time.Second + time.Millisecond)
		var hello greeting
		b := connect(t, client, events)
		b.wants(t, "hello", &hello)
		samples := hello.Pipelines[0].Samples
		require.Len(t, samples, 60)
		require.NotNil(t, samples[0], "the first is given, though it is as the one before it")
		for _, s := range samples[1:59] {
			require.Nil(t, s)
		}
		call(t, p, 0, nil)
		b.wants(t, "tick", new(tick))
		b.close()
		connect(t, client, events).wants(t, "hello", &hello)
		require.Equal(t, 1.0, hello.Pipelines[0].Samples[59].Calls)
	})
}

// Pins: durations are observed while a browser is connected, and for a minute after the last one
// left.
func TestLatenciesAreObservedWhileSomebodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, "payments")
		d := newDashboard(t, []*holdfast.Pipeline{p})
		client := serve(t, d, nil)
		known := func() bool { // a call's duration, in the sample after it
			call(t, p, time.Millisecond, nil)
			pass(time.Second)
			f := d.history.greeting()
			return last(t, f).P50 > 0
		}
		pass(time.Millisecond)
		require.False(t, known())
		b := connect(t, client, events)
		synctest.Wait()
		require.True(t, known())
		b.close()
		require.True(t, known())
		pass(57 * time.Second)
		require.True(t, known())
		pass(2 * time.Second)
		require.False(t, known())
		b = connect(t, client, events)
		synctest.Wait()
		require.True(t, known(), "and again")
		b.close()
	})
}

// Pins: a browser that does not read loses frames, which are counted, and gets a hello when it
// reads again. Neither calls nor changes wait for it.
func TestASlowBrowserLosesFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, "payments")
		d := newDashboard(t, []*holdfast.Pipeline{p}, WithInterval(100*time.Millisecond))
		client := serve(t, d, nil)
		slow, quick := connect(t, client, events), connect(t, client, events)
		slow.wants(t, "hello", new(greeting))
		quick.wants(t, "hello", new(greeting))
		synctest.Wait() // for the sampler to watch
		var missed int
		for i := range 90 { // 9 seconds
			before := time.Now()
			call(t, p, 0, nil)
			_, err := p.Tune(t.Context(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Shadow = !c.Shadow }})
			require.NoError(t, err)
			require.Equal(t, before, time.Now(), "nothing was waited for")
			quick.wants(t, "change", new(changeEvent))
			var hello greeting
			quick.wants(t, "hello", &hello) // since the chain says so as well
			require.Zero(t, hello.Dropped)
			require.Len(t, hello.Pipelines[0].Samples, min(i+1, 60))
			missed += 2
		}
		var hello greeting
		missed -= queueLength
		slow.wants(t, "change", new(changeEvent)) // it was being written all the time
		missed--
		slow.until(t, "hello", &hello)
		require.Equal(t, missed+queueLength, hello.Dropped)
		require.Len(t, hello.Pipelines[0].Samples, 60)
		call(t, p, 0, nil)
		var now tick
		slow.wants(t, "tick", &now)
		require.Equal(t, hello.Dropped, now.Dropped, "it has caught up")
		require.Equal(t, 2, now.Viewers)
	})
}

// Pins: a browser that accepts nothing for 30 seconds is disconnected, and so is one that has gone.
func TestADeadBrowserIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDashboard(t, []*holdfast.Pipeline{newPipeline(t, "payments")})
		client := serve(t, d, nil)
		connect(t, client, events).wants(t, "hello", new(greeting))
		gone := connect(t, client, events)
		gone.wants(t, "hello", new(greeting))
		gone.close()
		pass(500 * time.Millisecond)
		require.Equal(t, 1, d.audience.size())
		pass(30 * time.Second)
		require.Equal(t, 1, d.audience.size())
		pass(time.Second)
		require.Zero(t, d.audience.size())
	})
}

// Pins: a server's limits for requests do not end a stream.
func TestAStreamOutlivesTheServersTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDashboard(t, []*holdfast.Pipeline{newPipeline(t, "payments")})
		client := serve(t, d, func(s *http.Server) {
			s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = time.Second, time.Second, time.Second
		})
		b := connect(t, client, events)
		b.wants(t, "hello", new(greeting))
		for range 30 {
			b.wants(t, "tick", new(tick))
		}
	})
}

// Pins: Close ends all streams, even one whose browser does not read, and leaves no goroutine: a
// bubble does not end before all its goroutines have.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, "payments")
		d := newDashboard(t, []*holdfast.Pipeline{p})
		client := serve(t, d, nil)
		reads, stuck := connect(t, client, events), connect(t, client, events)
		reads.wants(t, "hello", new(greeting))
		stuck.wants(t, "hello", new(greeting))
		pass(1500 * time.Millisecond) // a tick is being written to each
		before := time.Now()
		d.Close()
		d.Close()
		require.Equal(t, before, time.Now())
		require.Zero(t, d.audience.size())
		_, err := stuck.next()
		require.ErrorIs(t, err, io.EOF)
		for _, path := range []string{"events", "session", "tune", ""} {
			require.Equal(t, http.StatusServiceUnavailable, request(t, client, http.MethodGet, "http://dash/"+path).StatusCode, path)
		}
		require.ErrorIs(t, d.audience.join(&stream{}), errClosed, "one that came in the same moment")

		left := &stream{queue: make(chan frame, 1)}
		d.audience.streams[left] = struct{}{}
		_, err = p.Tune(t.Context(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Shadow = true }})
		require.NoError(t, err)
		require.Empty(t, left.queue, "the pipeline is not watched any more")
		delete(d.audience.streams, left)
	})
}

func TestTooManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDashboard(t, []*holdfast.Pipeline{newPipeline(t, "payments")})
		client := serve(t, d, nil)
		var last *browser
		for range maxStreams {
			last = connect(t, client, events)
			last.wants(t, "hello", new(greeting))
		}
		resp := request(t, client, http.MethodGet, events)
		require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		require.Equal(t, "5", resp.Header.Get("Retry-After"))
		last.close()
		time.Sleep(time.Second) // net/http of Go 1.27 reads on for a moment before it closes
		connect(t, client, events).wants(t, "hello", new(greeting))
	})
}

func TestChangesOnAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, "payments", budget.Config{}, retry.Config{}, breaker.Config{})
		d := newDashboard(t, []*holdfast.Pipeline{p, newPipeline(t, "search")})
		b := connect(t, serve(t, d, nil), events)
		b.wants(t, "hello", new(greeting))
		synctest.Wait()

		_, err := p.Tune(t.Context(), holdfast.Tuning{By: "mary", Isolate: []string{"payments"}})
		require.NoError(t, err)
		var c changeEvent
		b.wants(t, "change", &c)
		require.Equal(t, changeEvent{
			ID: 1, Time: time.Now().UnixMilli(), Pipelines: []string{"payments"}, By: byHand, Who: "mary",
			Changes: []changeLine{{Pipeline: "payments", What: "breaker payments", From: "closed", To: "isolated"}},
		}, c)
		var now tick
		b.wants(t, "tick", &now)
		require.Equal(t, "isolated", now.Samples["0"].Breakers[0].State)

		updated := time.Now().UnixMilli()
		require.NoError(t, p.Update(budget.Config{Ratio: 0.5}, retry.Config{}))
		c = changeEvent{}
		b.wants(t, "change", &c)
		require.Equal(t, changeEvent{ID: 2, Time: updated, Pipelines: []string{"payments"}, By: byCode, Changes: []changeLine{
			{Pipeline: "payments", Key: "budget.ratio", From: "0.1", To: "0.5", Undo: true},
			{Pipeline: "payments", What: "breaker payments", From: "breaker 50%/20", To: "none"},
		}}, c)
		var hello greeting
		b.wants(t, "hello", &hello)
		require.Contains(t, hello.Pipelines[0].Chain, "budget 50%")
		require.Nil(t, hello.Pipelines[0].Samples[len(hello.Pipelines[0].Samples)-1].Breakers)
	})
}

// Pins: a tick that was queued while a hello was written is not sent if the hello includes it.
func TestNothingIsToldTwice(t *testing.T) {
	h := &history{}
	for range 5 {
		h.add(time.Now(), 0, 0, nil, nil)
	}
	answer := httptest.NewRecorder()
	s := &stream{queue: make(chan frame, 1), w: answer, rc: http.NewResponseController(answer)}
	told, err := s.greet(h)
	require.NoError(t, err)
	require.EqualValues(t, 5, told)
	for _, c := range []struct {
		f    frame
		told uint64
		want string
	}{
		{frame{event: "tick", round: 5, data: []byte("old")}, 5, ""},
		{frame{round: 5}, 5, ""},
		{frame{event: "change", data: []byte("changed")}, 5, "event: change\ndata: changed\n\n"},
		{frame{event: "tick", counted: true, round: 6, data: []byte("new}")}, 6, "event: tick\ndata: {\"dropped\":0,new}\n\n"},
	} {
		answer.Body.Reset()
		told, err = s.pass(h, c.f, told)
		require.NoError(t, err)
		require.Equal(t, c.told, told)
		require.Equal(t, c.want, answer.Body.String())
	}
}

// plainWriter can neither flush nor be unwrapped.
type plainWriter struct{ http.ResponseWriter }

func TestAWriterThatCannotFlush(t *testing.T) {
	d := newDashboard(t, []*holdfast.Pipeline{newPipeline(t, "payments")})
	answer := httptest.NewRecorder()
	d.ServeHTTP(plainWriter{answer}, httptest.NewRequest(http.MethodGet, "/events", http.NoBody))
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.Contains(t, answer.Body.String(), "cannot flush")
	require.Zero(t, d.audience.size())
}

func TestStreamOverASocket(t *testing.T) {
	p := newPipeline(t, "payments")
	d := newDashboard(t, []*holdfast.Pipeline{p}, WithInterval(minInterval))
	server := httptest.NewServer(d)
	defer server.Close()
	b := connect(t, server.Client(), server.URL+"/events")
	b.wants(t, "hello", new(greeting))
	call(t, p, 0, nil)
	for calls := 0.0; calls == 0; {
		m, err := b.next()
		require.NoError(t, err)
		switch m.event {
		case "tick":
			calls += parsed[tick](t, m).Samples["0"].Calls
		case "hello": // in the place of ticks that were dropped, on a busy machine
			for _, s := range parsed[greeting](t, m).Pipelines[0].Samples {
				if s != nil {
					calls += s.Calls
				}
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events", http.NoBody)
	require.NoError(t, err)
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return d.audience.size() == 2 }, 10*time.Second, time.Millisecond)
	cancel()
	_ = resp.Body.Close()
	require.Eventually(t, func() bool { return d.audience.size() == 1 }, 10*time.Second, time.Millisecond)
	d.Close()
	for err == nil {
		_, err = b.next()
	}
	require.ErrorIs(t, err, io.EOF)
}

// stuttering is a guard whose String panics.
type stuttering struct{ panics *atomic.Bool }

func (stuttering) Acquire(context.Context) error            { return nil }
func (stuttering) Release(context.Context, error)           {}
func (s stuttering) Build() (resilience.Policy, error)      { return s, nil }
func (s stuttering) Wrap(f resilience.Func) resilience.Func { return resilience.WrapGuard(s, f) }
func (s stuttering) String() string {
	if s.panics.Load() {
		panic("no words")
	}
	return "stuttering"
}

func TestAPipelineThatCannotBeReadIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var panics atomic.Bool
		panics.Store(true)
		p := newPipeline(t, "payments", stuttering{&panics})
		other := newPipeline(t, "search")
		log := newLog()
		d := newDashboard(t, []*holdfast.Pipeline{p, other}, WithLogger(log.logger()))
		pass(500 * time.Millisecond)
		panics.Store(false)
		for range 5 {
			call(t, p, 0, nil)
		}
		pass(time.Second)
		require.Zero(t, last(t, d.history.greeting()).Calls, "these were made before it could be read")
		panics.Store(true)
		call(t, other, 0, nil)
		pass(2 * time.Second)
		require.Equal(t, 2, log.count("cannot be shown"), log)
		panics.Store(false)
		call(t, p, 0, nil)
		pass(time.Second)
		f := d.history.greeting()
		rows := decoded(t, f).Pipelines
		require.Len(t, rows[0].Samples, 4)
		require.Equal(t, &sample{}, rows[0].Samples[1], "there is none")
		require.Nil(t, rows[0].Samples[2], "likewise")
		require.Equal(t, 1.0, rows[0].Samples[3].Calls)
		require.Equal(t, 1.0, rows[1].Samples[1].Calls)
	})
}
