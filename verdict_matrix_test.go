package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var (
	errRefusedCard = errors.New("declined")
	errSLA         = errors.New("the SLA ran out")
	errNobody      = errors.New("nobody knows this error")
)

// clientTimeout is how clients say that their own time ran out.
type clientTimeout struct{}

func (clientTimeout) Error() string { return "i/o timeout" }
func (clientTimeout) Timeout() bool { return true }

// ending is a way in which the ctx of a call ends while the op runs.
type ending struct {
	name   string
	caller func(ctx context.Context) (context.Context, context.CancelFunc) // nil: it does not end
	whole  bool                                                            // a deadline stage ends the call
	each   bool                                                            // a deadline stage ends each attempt
	own    bool                                                            // the op derives a ctx of its own, which ends
	is     error                                                           // what errors.Is finds, whatever the op returned
}

func canceledSoon(cause error) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(time.Second, func() { cancel(cause) })
		return ctx, func() { cancel(nil) }
	}
}

func timedOut(cause error) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(ctx, time.Second, cause)
	}
}

var endings = []ending{
	{name: "ctx lives"},
	{name: "canceled by the caller", caller: canceledSoon(nil), is: context.Canceled},
	{name: "canceled by the caller, with a cause", caller: canceledSoon(errSLA), is: context.Canceled},
	{name: "the caller's deadline", caller: timedOut(nil), is: context.DeadlineExceeded},
	{name: "the caller's deadline, with a cause", caller: timedOut(errSLA), is: context.DeadlineExceeded},
	{name: "the pipeline's deadline", whole: true, is: context.DeadlineExceeded},
	{name: "the attempt's deadline", each: true, is: context.DeadlineExceeded},
	{name: "a deadline of the op's own, with a cause", own: true},
}

// answer is the error that an op returns after its ctx has ended. If its own ctx has not ended, the
// error is that of somebody else's canceled ctx.
type answer struct {
	name string
	err  func(ctxErr, cause error) error
}

var answers = []answer{
	{"nil", func(_, _ error) error { return nil }},
	{"ctx.Err()", func(ctxErr, _ error) error { return ctxErr }},
	{"context.Cause", func(_, cause error) error { return cause }},
	{"both, wrapped", func(ctxErr, cause error) error { return fmt.Errorf("charge: %w: %w", ctxErr, cause) }},
	{"a client's own timeout", func(_, _ error) error { return fmt.Errorf("charge: %w", clientTimeout{}) }},
	{"unclassified", func(_, _ error) error { return errNobody }},
	{"marked Transient", func(_, _ error) error { return resilience.MarkTransient(errNobody) }},
	{"marked Permanent", func(_, _ error) error { return resilience.MarkPermanent(errNobody) }},
	{"known to the team", func(_, _ error) error { return fmt.Errorf("charge: %w", errRefusedCard) }},
}

// matrix is what an attempt says of its dependency, by how its ctx ended and what the op returned.
// A row has the columns of answers.
var matrix = map[string][]resilience.Verdict{
	"ctx lives":                                {ok, trans, trans, trans, trans, unkn, trans, perm, perm},
	"canceled by the caller":                   {ok, cancl, cancl, cancl, cancl, cancl, cancl, cancl, cancl},
	"canceled by the caller, with a cause":     {ok, cancl, cancl, cancl, cancl, cancl, cancl, cancl, cancl},
	"the caller's deadline":                    {ok, trans, trans, trans, trans, trans, trans, perm, perm},
	"the caller's deadline, with a cause":      {ok, trans, trans, trans, trans, trans, trans, perm, perm},
	"the pipeline's deadline":                  {ok, trans, trans, trans, trans, trans, trans, perm, perm},
	"the attempt's deadline":                   {ok, trans, trans, trans, trans, trans, trans, perm, perm},
	"a deadline of the op's own, with a cause": {ok, trans, unkn, trans, trans, unkn, trans, perm, perm},
}

const (
	ok    = resilience.Success
	trans = resilience.Transient
	perm  = resilience.Permanent
	cancl = resilience.Canceled
	unkn  = resilience.Unclassified
)

// place is where an op can stand.
type place struct {
	name     string
	loop     bool // there is a retry loop
	deadline bool // deadline stages can stand around it and inside
	build    func(t *testing.T, e ending, b *breaker.Breaker, o resilience.Observer) call
}

type call func(context.Context, resilience.Func) error

var team = resilience.Errors(resilience.Permanent, errRefusedCard)

var places = []place{
	{"bare retry", true, false, func(*testing.T, ending, *breaker.Breaker, resilience.Observer) call {
		return func(ctx context.Context, op resilience.Func) error { return retry.Do(ctx, twice(team), op) }
	}},
	{"bare breaker", false, false, func(_ *testing.T, _ ending, b *breaker.Breaker, _ resilience.Observer) call { return b.Do }},
	{"chain", true, true, func(t *testing.T, e ending, b *breaker.Breaker, _ resilience.Observer) call {
		t.Helper()
		var policies []resilience.Policy
		for _, s := range e.around(twice(team), b) {
			p, err := s.Build()
			require.NoError(t, err)
			policies = append(policies, p)
		}
		return func(ctx context.Context, op resilience.Func) error {
			return resilience.Chain(policies...).Wrap(op)(ctx)
		}
	}},
	{"pipeline", true, true, func(t *testing.T, e ending, b *breaker.Breaker, o resilience.Observer) call {
		t.Helper()
		return newPipeline(t, e.pipeline(b, o)...).Do
	}},
	{"inside HTTP", true, true, func(t *testing.T, e ending, b *breaker.Breaker, o resilience.Observer) call {
		t.Helper()
		return insideHTTP(t, newPipeline(t, e.pipeline(b, o)...))
	}},
}

func twice(classify resilience.Classifier) retry.Config {
	c := retry.Custom(1, time.Millisecond, time.Millisecond, false)
	c.Classify = classify
	return c
}

// around returns the stages with the ending's deadlines around them and inside.
func (e ending) around(inner ...resilience.Stage) []resilience.Stage {
	if e.whole {
		inner = append([]resilience.Stage{deadline.In(time.Second)}, inner...)
	}
	if e.each {
		inner = append(inner, deadline.In(time.Second))
	}
	return inner
}

// pipeline is a row in which one Classify speaks for all stages.
func (e ending) pipeline(b *breaker.Breaker, o resilience.Observer) []resilience.Stage {
	return append([]resilience.Stage{holdfast.Observe(o), holdfast.Classify(team), holdfast.SilenceUnclassified()}, e.around(twice(nil), b)...)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// insideHTTP makes the op the base transport of an HTTP client.
func insideHTTP(t *testing.T, p *holdfast.Pipeline) call {
	t.Helper()
	return func(ctx context.Context, op resilience.Func) error {
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			if err := op(r.Context()); err != nil {
				return nil, err
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
		})
		transport, err := holdfasthttp.NewTransport(p, holdfasthttp.WithBase(base))
		require.NoError(t, err)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://dependency/", http.NoBody)
		require.NoError(t, err)
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err == nil {
			require.NoError(t, response.Body.Close())
		}
		return err
	}
}

// An error is judged with the ctx of its call, everywhere by the same rule.
func TestVerdictMatrix(t *testing.T) {
	require.Len(t, matrix, len(endings))
	for _, e := range endings {
		require.Len(t, matrix[e.name], len(answers), e.name)
		for column, a := range answers {
			for _, at := range places {
				if (e.whole || e.each) && !at.deadline {
					continue
				}
				t.Run(e.name+"/"+a.name+"/"+at.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { checkCell(t, e, a, at, matrix[e.name][column]) })
				})
			}
		}
	}
}

func checkCell(t *testing.T, e ending, a answer, at place, want resilience.Verdict) {
	t.Helper()
	if at.name == "inside HTTP" && want == unkn {
		want = trans // what a transport cannot name is the server's, and a GET may be repeated
	}
	if at.name == "inside HTTP" && want == ok && (e.whole || e.each) {
		want = trans // the headers came too late
	}
	ctx := t.Context()
	if e.caller != nil {
		var cancel context.CancelFunc
		ctx, cancel = e.caller(ctx)
		defer cancel()
	}
	b, err := breaker.New(breaker.Config{Name: "dependency", Classify: team})
	require.NoError(t, err)
	var seen []resilience.Verdict
	do := at.build(t, e, b, resilience.ObserverFunc(func(_ context.Context, event resilience.Event) {
		if event.Kind == resilience.EventAttempt {
			seen = append(seen, event.Verdict)
		}
	}))
	attempts := 0
	err = do(ctx, func(ctx context.Context) error {
		attempts++
		return a.err(e.wait(ctx))
	})

	tries := 1
	if at.loop && want == trans && (e.is == nil || e.each) {
		tries = 2
	}
	require.Equal(t, tries, attempts, "attempts")
	for _, v := range seen {
		require.Equal(t, want, v, "the verdict of the event")
	}
	if at.name != "inside HTTP" || want != perm { // HTTP also says that the deadline had passed
		require.Equal(t, e.reason(want, at, err), reasonOf(err), "%v", err)
	}
	checkIs(t, e, a, want, err)
	if at.name == "bare retry" {
		return
	}
	counts := b.Counts()
	switch {
	case want == ok, want == perm:
		require.EqualValues(t, tries, counts.Successes)
		require.Zero(t, counts.Failures)
	case want.Failure():
		require.EqualValues(t, tries, counts.Failures)
		require.Zero(t, counts.Successes)
	default:
		require.Zero(t, counts.Requests)
	}
}

// wait waits until the ctx ends, and returns what ended it.
func (e ending) wait(ctx context.Context) (ctxErr, cause error) {
	switch {
	case e.own:
		own, cancel := context.WithTimeoutCause(ctx, time.Second, errSLA)
		defer cancel()
		<-own.Done()
		return own.Err(), context.Cause(own)
	case e.is != nil:
		<-ctx.Done()
		return ctx.Err(), context.Cause(ctx)
	}
	return context.Canceled, context.Canceled
}

// reason is why a call ended if all its attempts ended with v. A call is tried again if an attempt
// was Transient and the loop's ctx has not ended.
func (e ending) reason(v resilience.Verdict, at place, err error) resilience.Reason {
	switch v {
	case ok:
		return resilience.ReasonNone
	case perm:
		return resilience.ReasonPermanent
	case cancl:
		return resilience.ReasonCanceled
	case unkn:
		return resilience.ReasonUnclassified
	}
	if e.is != nil && !e.each || !at.loop && errors.Is(err, context.DeadlineExceeded) {
		return resilience.ReasonTooLate
	}
	return resilience.ReasonExhausted
}

// reasonOf also asks the team's classifier about errors that are returned as they are.
func reasonOf(err error) resilience.Reason {
	if stopped, found := errors.AsType[interface {
		error
		StopReason() resilience.Reason
	}](err); found {
		return stopped.StopReason()
	}
	if v := team(err); v != unkn {
		return resilience.ReasonFor(v, err)
	}
	return resilience.ReasonOf(err)
}

func checkIs(t *testing.T, e ending, a answer, want resilience.Verdict, err error) {
	t.Helper()
	if want == ok {
		require.NoError(t, err)
		return
	}
	if want == cancl || want == trans && e.is != nil {
		require.ErrorIs(t, err, e.is)
	}
	switch a.name {
	case "known to the team":
		require.ErrorIs(t, err, errRefusedCard)
	case "unclassified", "marked Transient", "marked Permanent":
		require.ErrorIs(t, err, errNobody)
	case "context.Cause", "both, wrapped":
		if strings.HasSuffix(e.name, "a cause") {
			require.ErrorIs(t, err, errSLA)
		}
	}
}

// docs/errors.md shows the matrix as it is tested. HOLDFAST_UPDATE=1 updates it.
func TestVerdictMatrixInTheDocs(t *testing.T) {
	const file, begin, end = "docs/errors.md", "<!-- matrix:begin -->\n", "<!-- matrix:end -->\n"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	want := before + begin + matrixInWords() + end + after
	if os.Getenv("HOLDFAST_UPDATE") != "" {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(text), "run HOLDFAST_UPDATE=1 go test -run InTheDocs .")
}

// matrixInWords is the table as docs/errors.md shows it.
func matrixInWords() string {
	var b strings.Builder
	b.WriteString("| |")
	for _, a := range answers {
		b.WriteString(" " + a.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(answers)) + "\n")
	for _, e := range endings {
		b.WriteString("| " + e.name + " |")
		for _, v := range matrix[e.name] {
			b.WriteString(" " + v.String() + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}
