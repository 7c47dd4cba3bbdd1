package holdfastdash

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// A browser is told why a breaker is not closed, and since when, through probes and back.
func TestWhyABreakerIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, "payments", breaker.Config{ConsecutiveFailures: 2, OpenFor: 10 * time.Second, HalfOpenProbes: 5, MinSuccesses: 4})
		d := newDashboard(t, []*holdfast.Pipeline{p}, WithInterval(2*time.Second))
		b := connect(t, serve(t, d, nil), events)
		b.wants(t, "hello", new(greeting))
		var now tick
		next := func() latest {
			now = tick{}
			b.wants(t, "tick", &now)
			return now.Latest["0"]
		}
		require.Nil(t, next().Breakers)

		call(t, p, 0, errDown)
		call(t, p, 0, errDown)
		const why = "2 failures in a row (ConsecutiveFailures is 2)"
		told := next()
		opened := now.Time
		require.Equal(t, []breakerLatest{{Name: "payments", Why: why, Since: opened}}, told.Breakers)

		for p.Breakers()[0].State() == breaker.StateOpen {
			told = next()
		}
		require.Equal(t, []breakerLatest{{Name: "payments", Why: why, Since: opened, Probes: 5, Need: 4}}, told.Breakers)
		require.Equal(t, "half-open", now.Samples["0"].Breakers[0].State)

		call(t, p, 0, errDown)
		call(t, p, 0, errDown)
		told = next()
		require.Equal(t, opened, told.Breakers[0].Since, "a round of probes that failed is the same outage")
		require.Contains(t, told.Breakers[0].Why, "; it first opened after "+why)

		p.Breakers()[0].Reset()
		require.Nil(t, next().Breakers)
		d.Close()
	})
}

// It is told whose order isolates a breaker: by hand on this page, by the program, or for a fleet.
func TestWhoIsolatedABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, "payments", breaker.Config{})
		d := newDashboard(t, []*holdfast.Pipeline{p})
		pass(1500 * time.Millisecond)
		b := connect(t, serve(t, d, nil), events)
		b.wants(t, "hello", new(greeting))
		synctest.Wait()
		var now tick
		next := func() []breakerLatest {
			now = tick{}
			b.until(t, "tick", &now)
			return now.Latest["0"].Breakers
		}
		_, err := p.Tune(t.Context(), holdfast.Tuning{By: "mary\u202e", Isolate: []string{"payments"}})
		require.NoError(t, err)
		told := next()
		require.Equal(t, []breakerLatest{{Name: "payments", By: `"mary\u202e"`, Since: now.Time}}, told)

		_, err = p.Tune(t.Context(), holdfast.Tuning{By: "mary", Reset: []string{"payments"}})
		require.NoError(t, err)
		require.Nil(t, next())
		p.Breakers()[0].Isolate() // by code: nobody is named, and mary less than anybody
		told = next()
		require.Equal(t, []breakerLatest{{Name: "payments", Since: now.Time}}, told)
	})
}

// Whoever isolates a breaker that is isolated already has isolated nothing.
func TestTheFirstWhoIsolatesIsNamed(t *testing.T) {
	k := newDesk(t, breaker.Config{Name: "bank"})
	for _, who := range []string{"mary", "peter"} {
		is, _ := k.session(t, who, k.cookie)
		r := k.order(`{"pipeline":"payments","isolate":["bank"]}`)
		r.Header.Set("User", who)
		r.Header.Set(tokenHeader, is.Token)
		require.Equal(t, http.StatusOK, k.send(r).Code)
		require.Equal(t, "mary", k.d.hands.who(hand{"payments", "bank"}))
	}
}

func TestWhoseOrderForAFleetIsolatesABreaker(t *testing.T) {
	p := newPipeline(t, "payments", breaker.Config{})
	f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop", fleet.WithKey(fleetKey))
	require.NoError(t, err)
	defer f.Leave()
	f.Add(p)
	require.NoError(t, f.Isolate(t.Context(), "payments", fleet.Order{By: "ana", Why: "card scheme down"}))
	require.Eventually(t, func() bool { return p.Breakers()[0].State() == breaker.StateIsolated }, 10*time.Second, time.Millisecond)
	r := &row{pipeline: p, outages: outages{}}
	told := r.notClosed(p.Snapshot().Breakers, time.Now(), new(hands))
	require.Len(t, told, 1)
	require.Contains(t, told[0].Why, `by ana for the fleet: "card scheme down", until `)
	require.Zero(t, told[0].Since, "it was isolated when the page began to look")
}

// What is known of breakers that an Update has replaced is forgotten.
func TestOutagesAreForgotten(t *testing.T) {
	o := outages{}
	start := time.UnixMilli(1_700_000_000_000)
	o.follow([]breaker.Stats{{Name: "a"}, {Name: "b", State: breaker.StateOpen}}, start)
	require.Equal(t, outages{{name: "a"}: {}, {name: "b"}: {state: breaker.StateOpen}}, o, "since when is not known")
	o.follow([]breaker.Stats{{Name: "a", State: breaker.StateHalfOpen}}, start)
	require.Equal(t, outages{{name: "a"}: {breaker.StateOpen, start.UnixMilli()}}, o)
	o.follow([]breaker.Stats{{Name: "a", State: breaker.StateIsolated}}, start.Add(time.Second))
	require.Equal(t, outages{{name: "a"}: {breaker.StateIsolated, start.UnixMilli() + 1000}}, o)
}

// Two breakers without names of their own have that of the pipeline. Each has its own outage.
func TestBreakersOfOneName(t *testing.T) {
	p := newPipeline(t, "payments", breaker.Config{OpenFor: time.Hour}, breaker.Config{OpenFor: time.Hour, HalfOpenProbes: 7, MinSuccesses: 6})
	r := &row{pipeline: p, outages: outages{}}
	start := time.UnixMilli(1_700_000_000_000)
	closed := breaker.Stats{Name: "payments"}
	r.notClosed([]breaker.Stats{closed, closed}, start, new(hands))
	inner := breaker.Stats{Name: "payments", State: breaker.StateHalfOpen, Why: "10 failures in a row"}
	want := []breakerLatest{{Name: "payments", Nth: 1, Why: inner.Why, Since: start.UnixMilli() + 1000, Probes: 7, Need: 6}}
	for after := range 3 {
		now := start.Add(time.Duration(1+after) * time.Second)
		require.Equal(t, want, r.notClosed([]breaker.Stats{closed, inner}, now, new(hands)), "it opened once")
	}
	r.notClosed([]breaker.Stats{closed}, start, new(hands))
	require.Len(t, r.outages, 1)
}

func TestHandsForgetWhatWasReset(t *testing.T) {
	var h hands
	before := time.Now().Add(-time.Second)
	h.note(hand{"payments", "a"}, "mary")
	h.note(hand{"search", "a"}, "john")
	none := func(string) bool { return false }
	h.keep("payments", before, none)
	require.Equal(t, "mary", h.who(hand{"payments", "a"}), "it was isolated after the look")
	h.keep("payments", time.Now().Add(time.Second), func(name string) bool { return name == "a" })
	require.Equal(t, "mary", h.who(hand{"payments", "a"}))
	h.keep("payments", time.Now().Add(time.Second), none)
	require.Empty(t, h.who(hand{"payments", "a"}))
	require.Equal(t, "john", h.who(hand{"search", "a"}))
}

// Pins: rounds that the sampler missed are gaps, in a tick and in a hello.
func TestMissedRoundsAreGaps(t *testing.T) {
	for elapsed, want := range map[time.Duration]int{
		0: 0, 999 * time.Millisecond: 0, time.Second: 0, 1899 * time.Millisecond: 0, 1900 * time.Millisecond: 1, 2 * time.Second: 1, time.Minute: 59,
	} {
		require.Equal(t, want, missed(elapsed, time.Second), elapsed)
	}
	h, l := &history{}, &line{}
	one := []byte(`{"calls":1}`)
	stands := func() []standing { return []standing{{line: l, sample: one}} }
	h.add(time.Now(), 0, 0, stands(), nil) // a hello, since the line is new
	f := h.add(time.Now(), 0, 0, stands(), nil)
	require.NotContains(t, string(f.data), `"0":`, "as before")
	f = h.add(time.Now(), 0, 2, stands(), nil)
	require.Contains(t, string(f.data), `"missed":2,"samples":{"0":{"calls":1}}`)
	require.Contains(t, string(h.greeting().data), `"samples":[{"calls":1},null,{},null,{"calls":1}]`)
	h.add(time.Now(), 0, 1_000_000, stands(), nil)
	require.Len(t, l.samples, historyLength)
	require.Equal(t, gap, l.samples[historyLength-2])
}

// Pins: what there is to tell no more is taken back.
func TestLatestIsTakenBack(t *testing.T) {
	h, l := &history{}, &line{}
	h.add(time.Now(), 0, 0, []standing{{line: l, latest: []byte(`{"breakers":[]}`)}}, nil)
	require.Contains(t, string(h.greeting().data), `,"latest":{"breakers":[]}}`)
	f := h.add(time.Now(), 0, 0, []standing{{line: l}}, nil)
	require.Contains(t, string(f.data), `,"latest":{"0":{}}`)
	require.NotContains(t, string(h.greeting().data), "latest")
}

// What a breaker's own words are made of may be anybody's.
func TestWhyIsBoundedAndVisible(t *testing.T) {
	r := &row{pipeline: newPipeline(t, "payments"), outages: outages{}}
	long := errors.New("\u202e" + string(make([]byte, 10_000)))
	told := r.notClosed([]breaker.Stats{{Name: "a", State: breaker.StateOpen, Why: long.Error()}}, time.Now(), new(hands))
	require.LessOrEqual(t, len(told[0].Why), maxWhy)
	require.NotContains(t, told[0].Why, "\u202e")
	require.NotContains(t, told[0].Why, "\x00")
}
