package config_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// knobbed returns a pipeline of stages, and its knobs.
func knobbed(t *testing.T, stages ...resilience.Stage) (*holdfast.Pipeline, []config.Knob) {
	t.Helper()
	p, err := holdfast.New("payments", stages...)
	require.NoError(t, err)
	knobs, err := config.Knobs(p)
	require.NoError(t, err)
	return p, knobs
}

// everything has every stage that a file can make, with every section on.
func everything() []resilience.Stage {
	return []resilience.Stage{
		ratelimit.Config{Rate: 100}, deadline.In(10 * time.Second), bulkhead.Config{MaxConcurrent: 50, Adaptive: &bulkhead.Adaptive{}},
		budget.Config{}, retry.Config{Adaptive: &retry.Adaptive{}}, breaker.Config{SlowCallDuration: time.Second}, deadline.In(time.Second),
	}
}

// off has every number off, or as it is without a limit.
func off() []resilience.Stage {
	return []resilience.Stage{
		ratelimit.Config{Rate: -1, MaxWait: -1}, bulkhead.Config{MaxWait: -1, Adaptive: &bulkhead.Adaptive{CalmFor: -1}},
		budget.Config{Ratio: -1, Floor: 1}, retry.Config{
			MaxRetries: retry.Unlimited, MaxDelay: -1, MaxRetryAfter: -1, QueueLimit: -1, Jitter: retry.NoJitter,
			Adaptive: &retry.Adaptive{MinGain: -1, Explore: -1, MaxStretch: -1},
		}, breaker.Config{FailureRatio: -1, ProbeTimeout: -1},
	}
}

func texts(knobs []config.Knob) map[string]string {
	values := map[string]string{}
	for _, k := range knobs {
		values[k.Key] = k.Value
	}
	return values
}

// Every value that is shown is one that is taken: by Tune, where it changes nothing, and by a file.
func TestWhatAKnobShowsIsTaken(t *testing.T) {
	for name, stages := range map[string][]resilience.Stage{
		"everything": everything(), "off": off(), "critical": holdfast.Critical(), "standard": holdfast.Standard(), "background": holdfast.Background(),
		"none": {budget.Config{Ratio: -1, Floor: -1}, retry.Config{MaxRetries: retry.None, Jitter: retry.ProportionalJitter(0.2)}, breaker.Config{ConsecutiveFailures: -1}},
	} {
		p, knobs := knobbed(t, stages...)
		changed, err := config.Tune(t.Context(), p, "mary", texts(knobs))
		require.NoError(t, err, name)
		require.Empty(t, changed, name)
		for _, k := range knobs {
			_, err := config.Tune(t.Context(), p, "mary", map[string]string{k.Key: k.Value})
			require.NoError(t, err, k.Key)
			require.NotEmpty(t, k.Doc, k.Key)
			require.NotEmpty(t, k.Want, k.Key)
			require.Empty(t, k.Fixed, k.Key)
		}
		patch, err := config.Patch("payments", texts(knobs))
		require.NoError(t, err, name)
		c, err := config.Parse(bytes.NewReader(patch), config.WithEnvironment(nil))
		require.NoError(t, err, "%s\n%s", name, patch)
		s, _ := c.Service("payments")
		inFile := map[string]string{}
		for _, v := range s.Values() {
			inFile[v.Key] = v.Text
		}
		for _, k := range knobs {
			if v, ok := inFile[k.Key]; ok { // a section is no value
				require.Equal(t, k.Value, v, "%s: %s", name, k.Key)
			}
		}
	}
}

// What a value may be is said in words and in numbers: those of a duration in seconds.
func TestWhatAKnobTakes(t *testing.T) {
	_, knobs := knobbed(t, everything()...)
	byKey := map[string]config.Knob{}
	for _, k := range knobs {
		byKey[k.Key] = k
	}
	for _, want := range []config.Knob{
		{Key: "retry.adaptive.window", Kind: "duration", Min: 0.1},
		{Key: "breaker.open_for", Kind: "duration"},
		{Key: "bulkhead.adaptive.cut_to", Kind: "number", Max: 0.99},
		{Key: "budget.ratio", Kind: "number", Max: 1000, Zero: "nothing is deposited"},
		{Key: "bulkhead.adaptive.times", Kind: "number", Words: []string{"off"}, Min: 1},
		{Key: "bulkhead.queue_limit", Kind: "count", Words: []string{"unlimited"}, Min: 1, Max: 1<<31 - 1},
		{Key: "retry.backoff", Kind: "choice", Words: []string{"exponential", "constant", "linear", "fibonacci"}},
		{Key: "retry.adaptive", Kind: "choice", Words: []string{"on", "off"}},
		{Key: "budget.shadow", Kind: "flag"},
		{Key: "deadline", Kind: "duration"},
	} {
		is := byKey[want.Key]
		if len(is.Words) == 0 {
			is.Words = nil
		}
		require.Equal(t, want, config.Knob{Key: is.Key, Kind: is.Kind, Words: is.Words, Min: is.Min, Max: is.Max, Zero: is.Zero})
	}
}

// What a file gives to the keys is what a pipeline of it has.
func TestKnobValuesOfAFile(t *testing.T) {
	c, err := config.Parse(strings.NewReader(`services:
  payments: {rps: 5, budget: {ratio: 0.2}, retry: {adaptive: {}}, breaker: {per: attempt, name: other}}
  orders: {template: none, retry: {max_retries: 1}}
`), config.WithEnvironment(nil))
	require.NoError(t, err)
	for name, some := range map[string]map[string]string{
		"payments": {"budget.ratio": "0.2", "retry.adaptive": "on", "retry.adaptive.window": "30s"}, "orders": {"retry.max_retries": "1", "retry.adaptive": "off"},
	} {
		s, ok := c.Service(name)
		require.True(t, ok)
		values := s.KnobValues()
		p, err := holdfast.New(name, s.Stages()...)
		require.NoError(t, err)
		knobs, err := config.Knobs(p)
		require.NoError(t, err)
		for _, k := range knobs {
			require.Equal(t, k.Value, values[k.Key].Text, k.Key)
		}
		for key, want := range some {
			require.Equal(t, want, values[key].Text, key)
		}
		for _, key := range []string{"template", "rps", "retry", "breaker.per", "breaker.name", "budget.initial"} {
			require.NotContains(t, values, key)
		}
	}
}

// Changes are in the order of a printed file, whatever the order of the stages is.
func TestTheOrderOfChangedKeys(t *testing.T) {
	p, _ := knobbed(t, retry.Config{}, breaker.Config{}, bulkhead.Config{})
	changed, err := config.Tune(t.Context(), p, "mary", map[string]string{
		"breaker.min_requests": "9", "breaker.consecutive_failures": "7", "retry.max_retries": "5", "bulkhead.queue_limit": "3", "bulkhead.max_concurrent": "30",
	})
	require.NoError(t, err)
	require.Equal(t, []config.Changed{
		{Key: "bulkhead.max_concurrent", From: "64", To: "30"}, {Key: "bulkhead.queue_limit", From: "unlimited", To: "3"},
		{Key: "retry.max_retries", From: "3", To: "5"},
		{Key: "breaker.min_requests", From: "20", To: "9"}, {Key: "breaker.consecutive_failures", From: "10", To: "7"},
	}, changed)
}

// A patch is written as a file usually is: a section without keys on one line, and others below it.
func TestAPatchInFull(t *testing.T) {
	for want, values := range map[string]map[string]string{
		"    retry:\n      adaptive: {}\n":                   {"retry.adaptive": "on"},
		"    retry:\n      adaptive: off\n":                  {"retry.adaptive": "off"},
		"    retry:\n      adaptive:\n        window: 45s\n": {"retry.adaptive": "on", "retry.adaptive.window": "45s"},
	} {
		patch, err := config.Patch("payments", values)
		require.NoError(t, err)
		require.Equal(t, "services:\n  payments:\n"+want, string(patch))
	}
}

// others are values other than the one in force that a knob takes.
func others(k config.Knob) (all []string) {
	all = append(all, k.Words...)
	if k.Zero != "" {
		all = append(all, "0")
	}
	if k.Kind == "choice" || k.Kind == "flag" {
		if k.Key == "retry.jitter" {
			all = append(all, "{additive: 0.25}", "{proportional: 0.5}")
		}
		if k.Kind == "flag" {
			all = append(all, "true", "false")
		}
		return all
	}
	unit := ""
	numbers := []string{"1", "3", "7", "0.5", "0.9", "1.5", "40"}
	if k.Kind == "duration" {
		unit = "s"
	}
	for _, n := range numbers {
		if k.Kind != "number" && strings.Contains(n, ".") && unit == "" {
			continue
		}
		all = append(all, n+unit)
	}
	return all
}

// Each key is turned to each value that it takes, alone, and turned back by what Tune said: from
// every number on and from every number off.
func TestEveryKnobIsTurnedAndTurnedBack(t *testing.T) {
	turned := map[string]int{}
	for _, stages := range [][]resilience.Stage{everything(), off()} {
		p, knobs := knobbed(t, stages...)
		was := texts(knobs)
		for _, k := range knobs {
			for _, to := range others(k) {
				changed, err := config.Tune(t.Context(), p, "mary", map[string]string{k.Key: to})
				if err != nil { // a bound, or what two keys cannot be together
					require.Contains(t, err.Error(), "config: ", "in the words of a file")
					continue
				}
				back := map[string]string{}
				for _, c := range changed {
					require.NotEqual(t, c.From, c.To, c.Key)
					require.Equal(t, was[c.Key], c.From, c.Key)
					back[c.Key] = c.From
				}
				if len(changed) > 0 {
					turned[k.Key]++
				}
				_, err = config.Tune(t.Context(), p, "mary", back)
				require.NoError(t, err, "%s: %s, and back by %v", k.Key, to, back)
				now, err := config.Knobs(p)
				require.NoError(t, err)
				require.Equal(t, was, texts(now), "%s: %s, and back by %v", k.Key, to, back)
			}
		}
	}
	_, knobs := knobbed(t, everything()...)
	for _, k := range knobs {
		require.Positive(t, turned[k.Key], k.Key)
	}
}

func TestATuneSaysWhatIsWrong(t *testing.T) {
	p, _ := knobbed(t, deadline.In(2*time.Second), budget.Config{}, retry.Config{}, breaker.Config{OpenFor: 5 * time.Second, MaxOpenFor: 10 * time.Second}, deadline.In(time.Second))
	before := p.Stages()
	for want, values := range map[string]map[string]string{
		`config: retry.max_retries is 1.5; want a whole number of at least 0, or none or unlimited`: {"retry.max_retries": "1.5"},
		`config: unknown key "retry.max_retrys"; did you mean "retry.max_retries"?`:                 {"retry.max_retrys": "1"},
		`config: bulkhead.max_wait cannot be turned: the pipeline has no bulkhead`:                  {"bulkhead.max_wait": "1s"},
		`config: breaker.fleet cannot be turned: all pods must agree on it, so it is for the file`:  {"breaker.fleet": "on"},
		`config: breaker cannot be turned: a tuning adds no stage and takes none away; an update does`: {
			"breaker": "off"},
		`config: deadline is off; want a duration above 0, such as 500ms: a tuning takes no stage away`: {"deadline": "off"},
		`config: attempt_deadline is 3s, which never fires inside the deadline of 2s; want attempt_deadline below 2s, or deadline above 3s`: {
			"attempt_deadline": "3s"},
		`config: template cannot be turned: a file starts from it, and a pipeline in use does not`: {"template": "critical"},
		`config: retry.jitter is "{a: [1]}"; want none, full, equal, decorrelated, additive, {additive: 0.3} or {proportional: 0.2}`: {
			"retry.jitter": "{a: [1]}"},
		`config: retry.max_delay is 1ms; want at least base_delay (100ms): set max_delay: 100ms or more, or base_delay: 1ms or less`: {
			"retry.max_delay": "1ms"},
		`config: retry.adaptive.window cannot be turned: retry.adaptive is off; want retry.adaptive: on as well`: {"retry.adaptive.window": "1s"},
		`config: retry.adaptive.window is in retry.adaptive, which is to be off; want retry.adaptive: on, or leave it out`: {
			"retry.adaptive.window": "1s", "retry.adaptive": "off"},
		`config: breaker.open_for is 5; want a duration above 0, such as 500ms; a duration has a unit: 5s, or 5ms
config: retry.jitter is lots; want none, full, equal, decorrelated, additive, {additive: 0.3} or {proportional: 0.2}`: {"breaker.open_for": "5", "retry.jitter": "lots"},
		`config: breaker.max_open_for is 10s; want at least open_for (20s): set max_open_for: 20s or more, or open_for: 10s or less`: {
			"breaker.open_for": "20s", "retry.max_retries": "9"},
	} {
		_, err := config.Tune(t.Context(), p, "mary", values)
		require.EqualError(t, err, want)
		require.Equal(t, fmt.Sprint(before), fmt.Sprint(p.Stages()), "nothing changes")
	}
	for range 20 { // always in the same order
		_, err := config.Tune(t.Context(), p, "mary", map[string]string{"nothing.d": "1", "nothing.b": "1", "nothing.a": "1", "nothing.c": "1"})
		require.EqualError(t, err, `config: unknown key "nothing.a"
config: unknown key "nothing.b"
config: unknown key "nothing.c"
config: unknown key "nothing.d"`)
	}
	_, err := config.Tune(t.Context(), nil, "", nil)
	require.ErrorContains(t, err, "the pipeline is nil or zero")
	_, err = config.Knobs(&holdfast.Pipeline{})
	require.ErrorContains(t, err, "the pipeline is nil or zero")
	_, err = config.Patch(" x", nil)
	require.ErrorContains(t, err, `" x" is no name`)
	_, err = config.Patch("x", map[string]string{"retry.adaptive": "maybe"})
	require.EqualError(t, err, "config: retry.adaptive is maybe; want on or off")
}

// What nobody has said follows, and Tune says so.
func TestWhatWasNeverSaidFollows(t *testing.T) {
	p, _ := knobbed(t, breaker.Config{})
	changed, err := config.Tune(t.Context(), p, "mary", map[string]string{"breaker.open_for": "20s"})
	require.NoError(t, err)
	require.Equal(t, []config.Changed{
		{Key: "breaker.open_for", From: "5s", To: "20s"}, {Key: "breaker.max_open_for", From: "10s", To: "20s"},
	}, changed)
}

// Of an adaptive section that is turned off, the numbers come back when it is turned on again.
func TestAnAdaptiveSectionIsTurnedBackWithItsNumbers(t *testing.T) {
	p, _ := knobbed(t, retry.Config{Adaptive: &retry.Adaptive{Window: 45 * time.Second}})
	changed, err := config.Tune(t.Context(), p, "mary", map[string]string{"retry.adaptive": "off"})
	require.NoError(t, err)
	require.Equal(t, []config.Changed{{Key: "retry.adaptive", From: "on", To: "off"}, {Key: "retry.adaptive.window", From: "45s", To: "30s"}}, changed)
	knobs, err := config.Knobs(p)
	require.NoError(t, err)
	require.NotContains(t, texts(knobs), "retry.adaptive.window")
	_, err = config.Tune(t.Context(), p, "mary", map[string]string{"retry.adaptive": "on", "retry.adaptive.window": "45s"})
	require.NoError(t, err)
	knobs, err = config.Knobs(p)
	require.NoError(t, err)
	require.Equal(t, "45s", texts(knobs)["retry.adaptive.window"])
}

// What code has put in is shown, and stays.
func TestAKnobThatIsFixed(t *testing.T) {
	shared, err := breaker.New(breaker.Config{})
	require.NoError(t, err)
	limit, err := ratelimit.New(ratelimit.Config{Rate: 5})
	require.NoError(t, err)
	p, knobs := knobbed(t, limit, retry.Config{Backoff: retry.BackoffFunc(func(int) time.Duration { return time.Second })}, shared)
	fixed := map[string]string{}
	for _, k := range knobs {
		fixed[k.Key] = k.Fixed
	}
	require.Contains(t, fixed["retry.backoff"], "code puts it in")
	require.Contains(t, fixed["breaker.open_for"], "may belong to other pipelines as well")
	require.Empty(t, fixed["retry.max_retries"])
	require.Empty(t, fixed["ratelimit.rate"])
	_, err = config.Tune(t.Context(), p, "", map[string]string{"retry.backoff": "linear"})
	require.ErrorContains(t, err, "retry.backoff cannot be turned: it is a retry.BackoffFunc")
	_, err = config.Tune(t.Context(), p, "", map[string]string{"breaker.open_for": "6s"})
	require.ErrorContains(t, err, "stage 3 (breaker) was given already built")
	_, err = config.Tune(t.Context(), p, "", map[string]string{"ratelimit.rate": "6", "retry.max_retries": "1"})
	require.NoError(t, err)
	require.Equal(t, 6.0, limit.Config().Rate)
}

// Each of two deadlines is its own key.
func TestTwoDeadlines(t *testing.T) {
	for _, stages := range [][]resilience.Stage{
		{deadline.In(9 * time.Second), retry.Config{}, deadline.In(time.Second)}, {retry.Config{}, deadline.In(time.Second)}, {deadline.In(9 * time.Second), retry.Config{}},
	} {
		p, knobs := knobbed(t, stages...)
		for key, to := range map[string]string{"deadline": "8s", "attempt_deadline": "2s"} {
			was, ok := texts(knobs)[key]
			if !ok {
				continue
			}
			changed, err := config.Tune(context.Background(), p, "", map[string]string{key: to})
			require.NoError(t, err)
			require.Equal(t, []config.Changed{{Key: key, From: was, To: to}}, changed)
		}
	}
}

// Of several stages of a kind the keys are of one: a change of another is no change of a key.
func TestChangedKeysOfSeveralStages(t *testing.T) {
	for name, tt := range map[string]struct {
		stages []resilience.Stage
		want   [][]config.Changed // of each stage
	}{
		"two breakers": {
			[]resilience.Stage{breaker.Config{Name: "outer"}, breaker.Config{}},
			[][]config.Changed{{{Key: "breaker.open_for", From: "5s", To: "9s"}}, nil},
		},
		"two of one name": {[]resilience.Stage{breaker.Config{}, breaker.Config{}}, [][]config.Changed{nil, nil}},
		"two bulkheads": {
			[]resilience.Stage{bulkhead.Config{MaxConcurrent: 5}, retry.Config{MaxRetries: 1}, bulkhead.Config{MaxConcurrent: 5}},
			[][]config.Changed{{{Key: "bulkhead.max_concurrent", From: "5", To: "9"}}, nil, nil},
		},
		"two deadlines": {
			[]resilience.Stage{deadline.In(5 * time.Second), retry.Config{MaxRetries: 1}, deadline.In(time.Second)},
			[][]config.Changed{{{Key: "deadline", From: "5s", To: "9s"}}, nil, {{Key: "attempt_deadline", From: "1s", To: "2s"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := holdfast.Must(holdfast.New("payments", tt.stages...))
			for i, want := range tt.want {
				changes, err := p.Tune(t.Context(), holdfast.Tuning{Stages: func(stages []resilience.Stage) {
					switch c := stages[i].(type) {
					case breaker.Config:
						c.OpenFor = 9 * time.Second
						stages[i] = c
					case bulkhead.Config:
						c.MaxConcurrent = 9
						stages[i] = c
					case deadline.Config:
						c.Limit = map[bool]time.Duration{true: 9 * time.Second, false: 2 * time.Second}[i == 0]
						stages[i] = c
					}
				}})
				require.NoError(t, err)
				require.Equal(t, want, slices.DeleteFunc(config.ChangedKeys(p, changes), func(c config.Changed) bool { return c.Key == "breaker.max_open_for" }), "stage %d", i)
			}
		})
	}
}

// Patch refuses a name that no file can have, and gives any other to the service.
func TestPatchOfAnyName(t *testing.T) {
	values := map[string]string{"retry.max_retries": "2"}
	for _, name := range []string{"", " a", "a\nb", "\x00", "\x1b[31m", "\xff", strings.Repeat("n", 201)} {
		_, err := config.Patch(name, values)
		require.ErrorContains(t, err, "is no name that a file can have")
		require.Less(t, len(err.Error()), 300)
	}
	for _, name := range []string{"a b", "null", "~", "1", "true", "services", "x-1", "<<", "a: b", "- a", "'", `"`, "*a", "&a", "!!str", strings.Repeat("n", 200)} {
		patch, err := config.Patch(name, values)
		require.NoError(t, err, name)
		c, err := config.Parse(bytes.NewReader(patch), config.WithEnvironment(nil))
		require.NoError(t, err, name)
		require.Equal(t, []string{name}, c.Names())
	}
}

// Pins: a change that somebody made by hand, for an observer of theirs, may have nil for a section
// that was off.
func TestChangedKeysOfChangesMadeByHand(t *testing.T) {
	p := holdfast.Must(holdfast.New("payments", deadline.In(2*time.Second), retry.Config{}, deadline.In(time.Second)))
	adaptive := &retry.Adaptive{Window: time.Minute}
	for _, c := range []struct {
		change resilience.Change
		want   string
	}{
		{resilience.Change{Stage: "retry", Field: "Adaptive", To: adaptive}, "[{retry.adaptive off on}]"},
		{resilience.Change{Stage: "deadline", Name: "call", Field: "Limit", From: time.Second, To: 2 * time.Second}, "[{deadline 1s 2s}]"},
		{resilience.Change{Stage: "deadline", Name: "attempt", Field: "Limit", From: time.Second, To: 2 * time.Second}, "[{attempt_deadline 1s 2s}]"},
		{resilience.Change{Stage: "breaker", Field: "Window", From: time.Second, To: 2 * time.Second}, "[]"},
		{resilience.Change{Stage: "retry", From: "", To: "retry 3x"}, "[]"},
	} {
		require.Equal(t, c.want, fmt.Sprint(config.ChangedKeys(p, []resilience.Change{c.change})), "%+v", c.change)
	}
}
