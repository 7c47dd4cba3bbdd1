package lint_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The presets have no findings; with any traffic they have no warnings.
func TestPresetsAreSound(t *testing.T) {
	for name, stages := range map[string][]resilience.Stage{
		"critical": holdfast.Critical(), "standard": holdfast.Standard(), "background": holdfast.Background(),
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, lint.Check([]lint.Service{{Name: name, Stages: stages}}, lint.Options{}).Findings)
			for _, rps := range []float64{0.01, 0.1, 1, 10, 100, 1000, 10_000} {
				r := lint.Check([]lint.Service{{Name: name, Stages: stages, RPS: rps}}, lint.Options{Pods: 200})
				require.Zero(t, r.Errors()+r.Warnings(), r)
			}
		})
	}
}

// The defaults of the stages have no warnings with deadlines that fit.
func TestDefaultsAreSound(t *testing.T) {
	r := lint.Check([]lint.Service{{Name: "p", Stages: []resilience.Stage{
		deadline.In(10 * sec), bulkhead.Config{}, budget.Config{}, retry.Config{}, breaker.Config{}, deadline.In(2 * sec),
	}}}, lint.Options{})
	require.Empty(t, r.Findings)
}

func TestTheWorstIsFirst(t *testing.T) {
	where := func(key string) lint.Position {
		switch key {
		case "retry.max_retries":
			return lint.Position{File: "services.yaml", Line: 7, Column: 5}
		case "retry":
			return lint.Position{File: "services.yaml", Line: 6, Column: 5}
		case "":
			return lint.Position{File: "services.yaml", Line: 2, Column: 3}
		}
		return lint.Position{}
	}
	s := sound(func(f *file) {
		f.retry.MaxRetries, f.retry.Jitter, f.budget.Shadow = 5, retry.NoJitter, true
		f.silenced = []lint.Silence{{Code: "HF020", Reason: "trial until December", Line: 12}, {Code: "HF013", Reason: "?", Line: 13}}
	})["payments"].service("payments")
	s.Where = where
	require.Equal(t, strings.TrimLeft(`
services.yaml:7: error HF001 payments: 5 retries need up to 4.55 s; the deadline is 2 s: the 4th and 5th can never run if attempts take their whole 500 ms
    6 attempts × attempt_deadline 500 ms = 3 s, pauses up to 1.55 s, together 4.55 s
    fix: retry.max_retries: 3
services.yaml:6: warning HF010 payments: no jitter: callers that fail together all come back together, 50 ms later
    fix: retry.jitter: full
services.yaml:13: info HF092 payments: HF013 is silenced, and there is no such finding
    fix: lint.ignore: without HF013
1 error, 1 warning, 1 info (1 silenced)
`, "\n"), lint.Check([]lint.Service{s}, lint.Options{}).String())
}

// A silenced error does not count as an error. A finding about silences cannot be silenced. A
// silence is for one service.
func TestSilences(t *testing.T) {
	all := sound(func(f *file) {
		f.retry.MaxRetries = 5
		f.silenced = []lint.Silence{{Code: "HF001", Reason: "failures come at once"}, {Code: "HF001", Reason: "\t"}, {Code: "HF093", Reason: "no"}}
	})
	other := all["payments"]
	other.silenced = nil
	all["refunds"] = other
	r := check(all, 0)
	require.Equal(t, 1, r.Errors(), r)
	require.Equal(t, 1, r.Silenced(), r)
	f := r.Findings[len(r.Findings)-1]
	require.Equal(t, []string{"HF001", "payments"}, []string{f.Code, f.Service})
	require.Equal(t, "failures come at once", f.Silenced)
	f, ok := find(r, "HF093")
	require.True(t, ok)
	require.Empty(t, f.Silenced)
	_, ok = find(r, "HF092") // HF093 is added after the findings that can be silenced
	require.True(t, ok)
}

// Findings about pauses that only code knows are true whatever the pauses are.
func TestUnknownPausesAreNotGuessed(t *testing.T) {
	own := retry.BackoffFunc(func(int) time.Duration { panic("called") })
	r := check(sound(func(f *file) { f.retry.MaxRetries, f.retry.Backoff = 5, own }), 0)
	f, ok := find(r, "HF001")
	require.True(t, ok, r)
	require.Equal(t, "5 retries need 3 s, pauses not counted; the deadline is 2 s: the 4th and 5th can never run if attempts take their whole 500 ms", f.Message)
	require.Empty(t, f.Arithmetic)
	r = check(sound(func(f *file) { f.deadline, f.retry.Backoff = 0, own }), 0)
	_, ok = find(r, "HF008")
	require.False(t, ok, r)
	_, ok = find(r, "HF014")
	require.True(t, ok, r)
}

// WriteText returns the errors of w.
func TestWriteTextReturnsTheWritersError(t *testing.T) {
	full := errors.New("full")
	require.ErrorIs(t, lint.Report{}.WriteText(failing{full}), full)
	var s strings.Builder
	require.NoError(t, lint.Report{}.WriteText(&s))
	require.Equal(t, "0 errors, 0 warnings, 0 infos\n", s.String())
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestSeverities(t *testing.T) {
	for _, s := range []lint.Severity{lint.Info, lint.Warning, lint.Error} {
		text, err := s.MarshalText()
		require.NoError(t, err)
		var back lint.Severity
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, s, back)
	}
	require.Error(t, new(lint.Severity).UnmarshalText([]byte("fatal")))
	require.Equal(t, "severity(9)", lint.Severity(9).String())
}

func TestPositions(t *testing.T) {
	require.Empty(t, lint.Position{}.String())
	require.Equal(t, "a.yaml", lint.Position{File: "a.yaml"}.String())
	require.Equal(t, "line 3", lint.Position{Line: 3}.String())
	require.Equal(t, "a.yaml:3", lint.Position{File: "a.yaml", Line: 3, Column: 9}.String())
}

// Calls per call count, and the finding shows the way on which most attempts arrive.
func TestPathsCountCallsPerCall(t *testing.T) {
	all := chain(func(name string, f *file) {
		f.budget = nil
		if name == "gateway" {
			f.calls = append(f.calls, lint.Call{Service: "payments", PerCall: 0.5})
		}
		if name == "checkout" {
			f.calls[0].PerCall = 2
		}
	})
	f, ok := find(check(all, 0), "HF054")
	require.True(t, ok)
	require.Equal(t, "gateway → checkout → payments: up to 6 × 4 × 2 calls × 3 = 144 attempts for one request if payments is down; no budget limits that", f.Message)

	f, _ = find(check(all, 0), "HF052")
	require.Contains(t, f.Message, "checkout retries, and so does payments, which it reaches: up to 4 × 2 calls × 3 = 24 attempts at payments")

	all = chain(func(name string, f *file) {
		if name == "payments" {
			f.retry.MaxRetries = retry.Unlimited
			f.deadline = 0
			f.budget = nil
		}
	})
	f, _ = find(check(all, 0), "HF054")
	require.Equal(t, "gateway → checkout → payments: retries multiply without end on this way if payments is down", f.Message)
	f, _ = find(check(all, 0), "HF052")
	require.Contains(t, f.Message, "which it reaches: attempts without end at payments")

	f, _ = find(check(chain(func(string, *file) {}), 0), "HF054")
	require.Contains(t, f.Message, "how far budgets limit that depends on the traffic (rps) of gateway, checkout, payments")
}

// A service that calls itself, and one that is there twice.
func TestOddGraphs(t *testing.T) {
	self := sound(func(f *file) { f.calls = []lint.Call{{Service: "payments"}} })
	f, ok := find(check(self, 0), "HF050")
	require.True(t, ok)
	require.Contains(t, f.Message, "payments → payments;")
	require.Equal(t, "calls: []", f.Fix.String())

	twice := sound(func(*file) {})["payments"].service("payments")
	require.Empty(t, lint.Check([]lint.Service{twice, twice}, lint.Options{}).Findings)
	require.Empty(t, lint.Check(nil, lint.Options{Pods: -1}).Findings)
	r := lint.Check([]lint.Service{{}}, lint.Options{})
	_, ok = find(r, "HF005")
	require.True(t, ok, "no stages: nothing ends a call: %s", r)
}

func ExampleCheck() {
	report := lint.Check([]lint.Service{{
		Name: "payments",
		Stages: []resilience.Stage{
			deadline.In(2 * sec),
			budget.Config{Ratio: 0.1, Floor: 1},
			retry.Config{MaxRetries: 5, BaseDelay: 50 * ms},
			breaker.Config{},
			deadline.In(500 * ms),
		},
		RPS: 200,
	}}, lint.Options{Pods: 50})
	for _, f := range report.Findings {
		if f.Severity == lint.Error {
			fmt.Println(f)
			fmt.Println(f.Arithmetic)
			fmt.Println("fix:", f.Fix.String())
		}
	}
	// Output:
	// error HF001 payments: 5 retries need up to 5.015 s; the deadline is 2 s: the 4th and 5th can never run if attempts take their whole 500 ms
	// 6 attempts × attempt_deadline 500 ms = 3 s, pauses up to 2.015 s, together 5.015 s
	// fix: retry.max_retries: 3
}

func ExampleExplain() {
	doc, ok := lint.Explain("HF010")
	fmt.Println(ok, doc.Severity, doc.Title)
	// Output: true warning Retries without jitter
}

// A breaker around the loop sees calls. For a call that hangs, the least that it takes counts.
func TestABreakerAroundTheLoop(t *testing.T) {
	hangs := func(window time.Duration) lint.Report {
		return check(sound(func(f *file) { f.breakerPerCall, f.breaker.Window, f.breaker.ConsecutiveFailures = true, window, -1 }), 0)
	}
	// Three attempts of 500 ms and two pauses from 0 to 50 and 100 ms: from 1.5 to 1.65 s.
	f, ok := find(hangs(1500*ms), "HF030")
	require.True(t, ok)
	require.Equal(t, "a call may take 1.65 s and the window is 1.5 s: the outcome of one that hangs is forgotten before it is known, so hanging never opens the breaker", f.Message)
	_, ok = find(hangs(1600*ms), "HF030")
	require.False(t, ok, "some calls that hang are short enough")
}

// Where the call's deadline may cut an attempt short, such outcomes still count.
func TestABreakerThatSeesOnlyWhatIsCut(t *testing.T) {
	r := check(sound(func(f *file) { f.retry.MaxRetries, f.breaker.Window, f.breaker.ConsecutiveFailures = 3, 500*ms, -1 }), 0)
	f, ok := find(r, "HF030")
	require.True(t, ok)
	require.Contains(t, f.Message, "forgotten before it is known, and only those count that the call's deadline cuts short")
	r = check(sound(func(f *file) { f.retry.MaxRetries, f.breaker.Window = 3, 500*ms }), 0)
	f, ok = find(r, "HF028")
	require.True(t, ok)
	require.Contains(t, f.Message, "failure_ratio counts one that hangs only if the call's deadline cuts it short; else only 20 failures in a row open the breaker")
}

// Names of services made by code may be anything. They are printed as plain text.
func TestFindingsAreOnlyText(t *testing.T) {
	name := "a\x1b[2J\nb\u202ec"
	report := lint.Report{Findings: []lint.Finding{{Code: "HF001", Service: name, Message: name, Arithmetic: "::error::" + name, Fix: lint.Fix{{Key: name, Value: name}},
		Position: lint.Position{File: name, Line: 3}}}}
	for line := range strings.SplitSeq(report.String()+report.Findings[0].String(), "\n") {
		require.True(t, visible.Printable(line), "%q", line)
		require.False(t, strings.HasPrefix(strings.TrimSpace(line), "::"), line)
	}
	require.Equal(t, `"a\x1b[2J\nb\u202ec":3`, report.Findings[0].Position.String())
}
