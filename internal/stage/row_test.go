package stage_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// door is a user's Guard.
type door struct{}

func (door) Build() (resilience.Policy, error)         { return door{}, nil }
func (door) Wrap(next resilience.Func) resilience.Func { return next }
func (door) Acquire(context.Context) error             { return nil }
func (door) Release(context.Context, error)            {}

// looksOn is a policy that is not a Guard, as an observer's is.
var looksOn = resilience.PolicyFunc(func(next resilience.Func) resilience.Func { return next })

func row(t *testing.T, stages ...resilience.Stage) stage.Row {
	t.Helper()
	r, errs := stage.Read(stages)
	require.Empty(t, errs)
	return r
}

func TestWhatBelongsToTheCallAndWhatToTheAttempt(t *testing.T) {
	s := deadline.In(time.Second)
	ms := deadline.In(time.Millisecond)
	for name, c := range map[string]struct {
		stages        []resilience.Stage
		perCall       []bool
		call, attempt time.Duration
	}{
		"nothing":         {nil, []bool{}, 0, 0},
		"outside":         {[]resilience.Stage{s, breaker.Config{}, retry.Config{}}, []bool{true, true, false}, time.Second, 0},
		"inside":          {[]resilience.Stage{retry.Config{}, breaker.Config{}, s}, []bool{false, false, false}, 0, time.Second},
		"both":            {[]resilience.Stage{s, budget.Config{}, retry.Config{}, ms}, []bool{true, true, false, false}, time.Second, time.Millisecond},
		"the shortest":    {[]resilience.Stage{s, ms, retry.Config{}}, []bool{true, true, false}, time.Millisecond, 0},
		"in either order": {[]resilience.Stage{ms, s, retry.Config{}}, []bool{true, true, false}, time.Millisecond, 0},

		"without a loop a call is an attempt":          {[]resilience.Stage{bulkhead.Config{}, breaker.Config{}}, []bool{false, false}, 0, 0},
		"then the outermost deadline is the call's":    {[]resilience.Stage{s, breaker.Config{}, ms}, []bool{true, false, false}, time.Second, time.Millisecond},
		"and one inside another stage the attempt's":   {[]resilience.Stage{breaker.Config{}, s}, []bool{false, false}, 0, time.Second},
		"or inside a Guard":                            {[]resilience.Stage{door{}, s}, []bool{false, false}, 0, time.Second},
		"or inside what lets attempts begin as well":   {[]resilience.Stage{breaker.Config{}, ratelimit.Config{Rate: 1}, s}, []bool{false, false, false}, 0, time.Second},
		"but what lets calls begin is not outside":     {[]resilience.Stage{ratelimit.Config{Rate: 1}, s, ms}, []bool{false, true, false}, time.Second, time.Millisecond},
		"but what no call goes through is not outside": {[]resilience.Stage{looksOn, budget.Config{}, s}, []bool{false, false, true}, time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := row(t, c.stages...)
			perCall := []bool{}
			for i := range r {
				perCall = append(perCall, r.PerCall(i))
			}
			require.Equal(t, c.perCall, perCall)
			call, attempt := r.Deadlines()
			require.Equal(t, c.call, call)
			require.Equal(t, c.attempt, attempt)
		})
	}
}

func TestAroundTheInnermostDeadline(t *testing.T) {
	for _, c := range []struct {
		limits []time.Duration
		around time.Duration
	}{{nil, 0}, {[]time.Duration{5}, 0}, {[]time.Duration{5, 3}, 5}, {[]time.Duration{5, 4, 3}, 4}, {[]time.Duration{4, 5, 3}, 4}} {
		stages := []resilience.Stage{bulkhead.Config{}}
		for _, limit := range c.limits {
			stages = append(stages, deadline.In(limit), breaker.Config{})
		}
		require.Equal(t, c.around, row(t, stages...).AroundInnermost(), c.limits)
	}
}

func TestInsideTheCallsDeadline(t *testing.T) {
	s := deadline.In(time.Second)
	r := row(t, bulkhead.Config{}, s, bulkhead.Config{}, retry.Config{}, bulkhead.Config{}, deadline.In(1), bulkhead.Config{})
	for i, inside := range []bool{false, false, true, true, true, true, true} {
		require.Equal(t, inside, r.InsideDeadline(i), i)
	}
	require.False(t, row(t, retry.Config{}, s, bulkhead.Config{}).InsideDeadline(2), "an attempt's")
	require.True(t, row(t, ratelimit.Config{Rate: 1}, s, bulkhead.Config{}).InsideDeadline(2), "the call's, which a rate limit let begin")
}

func TestADeadlineThatIsEither(t *testing.T) {
	s := deadline.In(time.Second)
	for name, c := range map[string]struct {
		stages []resilience.Stage
		either bool
	}{
		"nothing":                 {nil, false},
		"alone":                   {[]resilience.Stage{s}, true},
		"behind a rate limit":     {[]resilience.Stage{ratelimit.Config{Rate: 1}, s}, true},
		"beside a budget":         {[]resilience.Stage{budget.Config{}, s, looksOn}, true},
		"the call's":              {[]resilience.Stage{s, breaker.Config{}}, false},
		"the attempt's":           {[]resilience.Stage{breaker.Config{}, s}, false},
		"the call's, of a loop":   {[]resilience.Stage{s, retry.Config{}}, false},
		"one of each":             {[]resilience.Stage{s, deadline.In(1)}, false},
		"a rate limit inside":     {[]resilience.Stage{s, ratelimit.Config{Rate: 1}}, false},
		"the attempt's of a loop": {[]resilience.Stage{retry.Config{}, s}, false},
	} {
		require.Equal(t, c.either, row(t, c.stages...).EitherDeadline(), name)
	}
}

func TestWhatBoundsAStage(t *testing.T) {
	s := deadline.In(time.Second)
	for name, c := range map[string]struct {
		inside []resilience.Stage
		want   time.Duration
	}{
		"nothing":                 {nil, 0},
		"the deadline inside":     {[]resilience.Stage{s, deadline.In(1)}, time.Second},
		"past another breaker":    {[]resilience.Stage{breaker.Config{}, s}, time.Second},
		"past a full bulkhead":    {[]resilience.Stage{bulkhead.Config{}, s}, time.Second},
		"nor past one that may":   {[]resilience.Stage{ratelimit.Config{Rate: 1}, s}, 0},
		"not past one that waits": {[]resilience.Stage{bulkhead.Config{MaxWait: 1}, s}, 0},
		"nor past a loop":         {[]resilience.Stage{retry.Config{}, s}, 0},
		"nor past a Guard":        {[]resilience.Stage{door{}, s}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, row(t, append([]resilience.Stage{breaker.Config{}}, c.inside...)...).Bounds(0))
		})
	}
}

func TestTheDeadlineThatNoCtxHasToKnowOf(t *testing.T) {
	call, inner := deadline.In(time.Minute), deadline.In(time.Second)
	for name, c := range map[string]struct {
		row  []resilience.Stage
		want int
	}{
		"none":                  {[]resilience.Stage{retry.Config{}}, -1},
		"one alone":             {[]resilience.Stage{call, retry.Config{}}, -1},
		"one for the attempt":   {[]resilience.Stage{retry.Config{}, inner}, -1},
		"the outer of two":      {[]resilience.Stage{call, budget.Config{}, retry.Config{}, breaker.Config{}, inner}, 0},
		"side by side":          {[]resilience.Stage{call, inner}, 0},
		"both for the attempt":  {[]resilience.Stage{retry.Config{}, call, breaker.Config{}, inner}, -1},
		"behind a wait":         {[]resilience.Stage{bulkhead.Config{MaxWait: 1}, call, retry.Config{}, inner}, 1},
		"a wait further in":     {[]resilience.Stage{call, retry.Config{}, inner, bulkhead.Config{MaxWait: 1}}, 0},
		"nobody waits between":  {[]resilience.Stage{call, bulkhead.Config{}, retry.Config{}, inner}, 0},
		"somebody may one day":  {[]resilience.Stage{call, ratelimit.Config{Rate: 1}, retry.Config{}, inner}, -1},
		"somebody does":         {[]resilience.Stage{call, bulkhead.Config{MaxWait: 1}, retry.Config{}, inner}, -1},
		"a Guard, which may":    {[]resilience.Stage{call, retry.Config{}, door{}, inner}, -1},
		"three":                 {[]resilience.Stage{deadline.In(time.Hour), call, retry.Config{}, inner}, -1},
		"three, the last alone": {[]resilience.Stage{call, retry.Config{}, inner, deadline.In(1)}, -1},
	} {
		require.Equal(t, c.want, row(t, c.row...).Later(), name)
	}
}

func TestReadSaysAllThatIsWrong(t *testing.T) {
	var none *breaker.Breaker
	r, errs := stage.Read([]resilience.Stage{
		nil, deadline.In(-1), resilience.Prebuilt(nil), none, retry.Config{}, budget.Config{}, retry.Config{}, door{}, budget.Config{},
	})
	require.Len(t, r, 9)
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	require.Equal(t, []string{
		"stage 1: is nil; leave it out, or give a Config",
		"stage 2: deadline: Limit is -1ns; want a positive duration, such as 500ms",
		"stage 3: its Build returned nil; want a Policy or an error",
		"stage 4: breaker: a nil *Breaker; make one with breaker.New",
		"stage 7: a second retry loop (the first is stage 5); two multiply their attempts, so want one",
		"stage 9: a second budget (the first is stage 6); a retry loop draws on one, so want one",
	}, texts)
}

// A stage given already built reads like its Config in force, but is not the row's own.
func TestAMemberThatWasBuilt(t *testing.T) {
	b, err := bulkhead.New(bulkhead.Config{MaxWait: time.Second})
	require.NoError(t, err)
	r := row(t, b, b.Config(), door{}, looksOn)
	require.Equal(t, b.Config(), r[0].Config)
	require.Equal(t, r[1].Traits, r[0].Traits)
	require.Equal(t, "bulkhead", r[0].Name)
	require.False(t, r[0].Own)
	require.True(t, r[1].Own)
	require.Equal(t, "stage_test.door", r[2].Name)
	require.Nil(t, r[2].Config)
	require.True(t, r[2].Unknown())
	require.False(t, r[3].Unknown())
}
