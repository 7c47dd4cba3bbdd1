package holdfastdash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

type declined struct{ text string }

func (d *declined) Error() string { return d.text }

// What a browser is told of errors: what came before it, by the pipeline's own count, and by kind
// what comes while it is connected.
func TestErrorsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, "payments", retry.Config{MaxRetries: 1, BaseDelay: time.Millisecond}, breaker.Config{ConsecutiveFailures: 6})
		d := newDashboard(t, []*holdfast.Pipeline{p, newPipeline(t, "idle")})
		client := serve(t, d, nil)
		call(t, p, 0, resilience.MarkPermanent(&declined{"early"}))
		call(t, p, 0, &declined{"nobody knows it"})
		failed := time.Now().UnixMilli()
		pass(1500 * time.Millisecond)

		b := connect(t, client, events)
		var hello greeting
		b.wants(t, "hello", &hello)
		require.Equal(t, &recentLatest{
			Window: 60, Calls: 2, Failed: 2, Fault: 1, Last: failed,
			Reasons: map[string]uint64{"permanent": 1, "unclassified": 1}, Kinds: []string{"*holdfastdash.declined"},
		}, hello.Pipelines[0].Latest.Recent)
		require.Nil(t, hello.Pipelines[0].Latest.Errors, "nobody listened")
		require.Equal(t, latest{}, hello.Pipelines[1].Latest)

		synctest.Wait()
		for range 2 {
			call(t, p, 0, errDown) // 2 attempts each
		}
		call(t, p, 0, resilience.MarkPermanent(fmt.Errorf("order 17: %w", &declined{"no\nmoney\u202e"})))
		var now tick
		b.wants(t, "tick", &now)
		l := now.Latest["0"]
		seen := now.Time
		require.Equal(t, &errorsLatest{Kinds: []errorSample{
			{What: `*errors.errorString "down"`, Message: "down", Verdict: "transient", Count: 2, Rate: 2, Last: seen},
			{What: `*errors.errorString "down"`, Message: "down", Verdict: "transient", Reason: "retries_exhausted", Count: 2, Rate: 2, Last: seen},
			{What: "*holdfastdash.declined", Message: `"order 17: no; money\u202e"`, Verdict: "permanent", Reason: "permanent", Count: 1, Rate: 1, Last: seen},
		}}, l.Errors)
		require.Equal(t, uint64(5), l.Recent.Calls)
		require.NotZero(t, l.Heard)

		b.wants(t, "tick", &now)
		require.Equal(t, 0.0, now.Latest["0"].Errors.Kinds[0].Rate)
		require.Equal(t, seen, now.Latest["0"].Errors.Kinds[0].Last, "it has not come again")

		now = tick{}
		b.wants(t, "tick", &now)
		require.Empty(t, now.Latest, "nothing is new")

		pass(forgetAfter + time.Second)
		b.close()
		b = connect(t, client, events)
		b.wants(t, "hello", &hello)
		require.NotNil(t, hello.Pipelines[0].Latest)
	})
}

// Pins: a kind that has not come for a while is forgotten.
func TestOldErrorsAreForgotten(t *testing.T) {
	var k errorKinds
	start := time.UnixMilli(1_700_000_000_000)
	k.note(errDown, resilience.Transient, resilience.ReasonNone)
	require.Len(t, k.round(start, time.Second).Kinds, 1)
	require.Len(t, k.round(start.Add(forgetAfter), time.Second).Kinds, 1)
	require.Nil(t, k.round(start.Add(forgetAfter+time.Millisecond), time.Second))
	require.Nil(t, k.round(start.Add(forgetAfter+time.Second), time.Second))
}

// An attack: a dependency whose errors are all of other kinds, long, and hostile.
func TestTenThousandKindsOfErrors(t *testing.T) {
	var k errorKinds
	now := time.UnixMilli(1_700_000_000_000)
	for i := range 10_000 {
		if i%10 == 0 {
			k.note(errDown, resilience.Transient, resilience.ReasonExhausted)
		}
		name := strings.Map(func(r rune) rune { return r + 'a' - '0' }, fmt.Sprint(i)) // digits are no part of a kind
		k.note(errors.New(name+strings.Repeat("\u202e<b>\x1b[31m", 100)), resilience.Unclassified, resilience.ReasonUnclassified)
		if i%1000 == 999 {
			now = now.Add(time.Second)
			require.LessOrEqual(t, len(k.kinds), maxKinds)
			latest := k.round(now, time.Second)
			require.Len(t, latest.Kinds, shownKinds)
			require.Equal(t, `*errors.errorString "down"`, latest.Kinds[0].What, "the frequent one is not pushed out")
			require.EqualValues(t, i/10+1, latest.Kinds[0].Count)
			total := latest.MoreErrors
			for _, one := range latest.Kinds {
				total += one.Count
				require.LessOrEqual(t, len(one.What), maxKindName)
				require.LessOrEqual(t, len(one.Message), maxMessage)
				require.True(t, utf8.ValidString(one.Message))
				require.NotContains(t, one.Message+one.What, "\u202e")
				require.NotContains(t, one.Message+one.What, "\x1b")
			}
			require.EqualValues(t, i+1+i/10+1, total, "each is counted")
			text, err := json.Marshal(latest)
			require.NoError(t, err)
			require.Less(t, len(text), 6000)
		}
	}
}

// An error whose methods panic breaks nothing.
func TestAnErrorThatPanicsIsNoted(t *testing.T) {
	var k errorKinds
	k.note((*declined)(nil), resilience.Transient, resilience.ReasonNone)
	require.Equal(t, "a *holdfastdash.declined whose Error method panics", k.round(time.Now(), time.Second).Kinds[0].Message)
}

// Pins: durations are those of calls that reached the dependency. Refused calls are counted apart,
// by reason; calls that the caller gave up are neither.
func TestRefusedCallsAreNoLatencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, "payments", breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Minute})
		d := newDashboard(t, []*holdfast.Pipeline{p})
		b := connect(t, serve(t, d, nil), events)
		b.wants(t, "hello", new(greeting))
		synctest.Wait()
		call(t, p, 80*time.Millisecond, nil)
		call(t, p, 80*time.Millisecond, errDown)
		for range 10 {
			require.ErrorIs(t, p.Do(t.Context(), func(context.Context) error { return nil }), breaker.ErrOpen)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, p.Do(gone, func(context.Context) error { return nil }))
		var now tick
		b.wants(t, "tick", &now)
		s := now.Samples["0"]
		require.InEpsilon(t, 0.08, s.P50, 0.04)
		require.InEpsilon(t, 0.08, s.P99, 0.04)
		require.Equal(t, 13.0, s.Calls)
		require.Equal(t, map[string]float64{"breaker_open": 10}, s.Refused)
		require.Len(t, now.Latest["0"].Errors.Kinds, 1, "a refusal is no error of the dependency")

		for range 5 {
			require.ErrorIs(t, p.Do(t.Context(), func(context.Context) error { return nil }), breaker.ErrOpen)
		}
		now = tick{}
		b.wants(t, "tick", &now)
		s = now.Samples["0"]
		require.Zero(t, s.P50, "no call reached it: no duration, instead of 0")
		require.Equal(t, map[string]float64{"breaker_open": 5}, s.Refused)
	})
}
