package agree_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestMain(m *testing.M) { faultproxy.VerifyTestMain(m, 4) }

// kind is what the call of a row is.
type kind int

const (
	write      kind = iota // must not be carried out twice, as far as the protocol knows
	repeatable             // may be, by the protocol's own word
	reads                  // changes nothing, by the protocol's own word
	overloaded             // a write to which the server answers that it is busy
	refused                // a write to which the server answers that it is the caller's fault
	strange                // a write to which the server answers with an error that nobody knows
)

// row is a fault, and what an adapter is to make of it.
type row struct {
	name  string
	fault func(*world, *call)
	hangs bool // the server's answer does not come, and the connection lives
	kind  kind
	mark  func(context.Context) context.Context
	cold  bool // the client has no connection yet
	only  bool // retry.Config.OnlyUnsent
	want  string
	// except is where a protocol has a reason of its own for another outcome.
	except map[string]exception
}

type exception struct{ why, want string }

// call is what a fault may change of a call.
type call struct {
	ctx     context.Context
	cancel  context.CancelFunc
	limit   time.Duration // what a fault that takes time gives
	attempt time.Duration // an attempt's deadline
	ends    bool          // ctx ends
	// reached reports whether the server has carried out the call before the limit; nil where that
	// does not matter.
	reached func() bool
}

var errBudget = errors.New("the caller's own budget is spent")

const (
	short = 500 * time.Millisecond // longer than a warm call takes, unless the machine is busy
	long  = 20 * time.Second
)

func down(w *world, _ *call)     { w.proxy.Down() }
func lostOnce(w *world, _ *call) { w.lossy.LoseOnceIf(w.answers()) }

// turnedAway closes the connection of a client that does not yet have one to the server. If a call
// is what it sends first, that is on its way: whether it is when the connection closes at once is a
// matter of chance (see TestTurnedAwayAtOnce).
func turnedAway(w *world, _ *call) {
	if w.bare != nil {
		w.lossy.TurnAwayAsked(1, w.bare)
		return
	}
	w.lossy.TurnAway(1)
}

// lostThenDown loses the answer, and then nobody is there any more.
func lostThenDown(w *world, _ *call) {
	answered := w.answers()
	w.lossy.LoseOnceIf(func() bool {
		if !answered() {
			return false
		}
		w.proxy.Down()
		return true
	})
}

func timesOut(w *world, c *call) { c.reached, c.attempt = w.withhold(), c.limit }
func healthy(*world, *call)      {}

// canceled cancels when the call has been carried out.
func canceled(w *world, c *call) {
	c.ends = true
	answered := w.answers()
	w.lossy.Withhold(func() {
		if answered() {
			c.cancel()
		}
	})
}

func runsOut(w *world, c *call) {
	c.ends = true
	c.reached = w.withhold()
	c.ctx, c.cancel = context.WithTimeoutCause(c.ctx, c.limit, errBudget)
}

const (
	failedTwice = "breaker 0 ok 2 failed; 1 retry; retries_exhausted"
	recovered   = "breaker 1 ok 1 failed; 1 retry; success"
	unknown     = "breaker 0 ok 1 failed; 0 retries; outcome_unknown; unknown"
	permanent   = "breaker 1 ok 0 failed; 0 retries; permanent"

	// Whether it was carried out and whether it may be made again are two questions: what may be
	// repeated, and got no answer, is unknown all the same. Its caller may have computed it from
	// what it read before.
	doubted = "; unknown; repeatable"
)

// Why a protocol has an outcome of its own.
const (
	byHandshake = "plain HTTP has no handshake: the request is on its way when the connection breaks"
	byStatus    = "a status does not prove that the handler did nothing"
	byServer    = "RFC 9110: any 5xx is the server's failure"
	byWord      = "a server's word about one atomic statement proves that it changed nothing"
	byPause     = "gRPC does not dial again before its own pause is over"
)

// databases have the same exception.
func databases(why, want string) map[string]exception {
	all := map[string]exception{}
	for _, name := range []string{"sql", "pq", "pgx", "mysql"} {
		all[name] = exception{why, want}
	}
	return all
}

func and(more map[string]exception, why, want string, names ...string) map[string]exception {
	all := map[string]exception{}
	maps.Copy(all, more)
	for _, name := range names {
		all[name] = exception{why, want}
	}
	return all
}

var turned = and(and(nil, byHandshake, unknown, "http", "connect", "aws"), byPause, failedTwice+"; unsent", "grpc")

var rows = []row{
	{name: "dial refused", fault: down, cold: true, want: failedTwice + "; unsent"},
	{name: "dial refused, once", fault: down, cold: true, mark: resilience.MarkOnce, want: failedTwice + "; unsent"},
	{name: "dial refused, only unsent", fault: down, cold: true, only: true, want: failedTwice + "; unsent"},
	{name: "dial refused, idempotent", fault: down, cold: true, mark: resilience.MarkIdempotent, want: failedTwice + "; unsent"},

	{name: "closed before anything was sent", fault: turnedAway, cold: true, want: recovered, except: turned},
	{
		name: "closed before anything was sent, once", fault: turnedAway, cold: true, mark: resilience.MarkOnce, want: recovered,
		except: turned,
	},

	{name: "answer lost", fault: lostOnce, want: unknown},
	{name: "answer lost, only unsent", fault: lostOnce, only: true, want: unknown},
	{name: "answer lost, repeatable", fault: lostOnce, kind: repeatable, want: recovered},
	{name: "answer lost, repeatable, once", fault: lostOnce, kind: repeatable, mark: resilience.MarkOnce, want: unknown},
	{name: "answer lost, repeatable, only unsent", fault: lostOnce, kind: repeatable, only: true, want: unknown},
	{name: "answer lost, idempotent", fault: lostOnce, mark: resilience.MarkIdempotent, want: recovered},
	{name: "answer lost, idempotent, only unsent", fault: lostOnce, mark: resilience.MarkIdempotent, only: true, want: recovered},

	{name: "answer lost, then nobody there, repeatable", fault: lostThenDown, kind: repeatable, want: failedTwice + doubted},
	{
		name: "answer lost, then nobody there, idempotent", fault: lostThenDown, mark: resilience.MarkIdempotent,
		want: failedTwice + doubted,
	},
	{name: "answer lost, then nobody there, read", fault: lostThenDown, kind: reads, want: failedTwice},

	{name: "attempt timed out", fault: timesOut, hangs: true, want: unknown},
	{name: "attempt timed out, once", fault: timesOut, hangs: true, kind: repeatable, mark: resilience.MarkOnce, want: unknown},
	{name: "attempt timed out, repeatable", fault: timesOut, hangs: true, kind: repeatable, want: failedTwice + doubted},
	{
		name: "attempt timed out, idempotent", fault: timesOut, hangs: true, mark: resilience.MarkIdempotent,
		want: failedTwice + doubted,
	},
	{name: "attempt timed out, read", fault: timesOut, hangs: true, kind: reads, want: failedTwice},

	{
		name: "caller canceled", fault: canceled, hangs: true, want: "breaker 0 ok; 0 retries; canceled; unknown; ended",
	},
	{
		name: "caller canceled, idempotent", fault: canceled, hangs: true, mark: resilience.MarkIdempotent,
		want: "breaker 0 ok; 0 retries; canceled" + doubted + "; ended",
	},

	{name: "caller's time ran out", fault: runsOut, hangs: true, want: "breaker 0 ok; 0 retries; outcome_unknown; unknown; ended"},
	{
		name: "caller's time ran out, idempotent", fault: runsOut, hangs: true, mark: resilience.MarkIdempotent,
		want: "breaker 0 ok; 0 retries; too_late" + doubted + "; ended",
	},
	{
		name: "caller's time ran out, read", fault: runsOut, hangs: true, kind: reads,
		want: "breaker 0 ok; 0 retries; too_late; ended",
	},

	{
		name: "overloaded", fault: healthy, kind: overloaded, want: failedTwice + "; unsent",
		except: and(nil, byStatus, unknown, "http", "http2", "grpc", "connect"),
	},
	{
		name: "overloaded, idempotent", fault: healthy, kind: overloaded, mark: resilience.MarkIdempotent, want: failedTwice + "; unsent",
		except: and(nil, byStatus, failedTwice+doubted, "http", "http2", "grpc", "connect"),
	},

	{name: "your fault", fault: healthy, kind: refused, want: permanent},
	{name: "your fault, once", fault: healthy, kind: refused, mark: resilience.MarkOnce, want: permanent},

	{
		name: "strange", fault: healthy, kind: strange, want: unknown,
		except: databases(byWord, "breaker 0 ok 1 failed; 0 retries; unclassified; unsent"),
	},
	{
		name: "strange, idempotent", fault: healthy, kind: strange, mark: resilience.MarkIdempotent,
		want: "breaker 0 ok 1 failed; 0 retries; unclassified" + doubted,
		except: and(databases(byWord, "breaker 0 ok 1 failed; 0 retries; unclassified; unsent"),
			byServer, "breaker 0 ok 1 failed; 0 retries; permanent"+doubted, "http", "http2"),
	},
}

// The same fault has the same outcome in all adapters, unless a protocol has a reason.
func TestAdaptersAgree(t *testing.T) {
	for name, connect := range adapters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := connect(t)
			for _, r := range rows {
				t.Run(r.name, func(t *testing.T) {
					want := r.want
					if e, ok := r.except[name]; ok {
						want = e.want
						assert.NotEqual(t, r.want, want, "no exception: %s", e.why)
					}
					got, err := r.outcome(t, s)
					assert.Equal(t, want, got, "%v", err)
				})
			}
		})
	}
}

// A connection that is closed as soon as it is there may be closed before or after the client has
// sent its call. Either is told as what it is, and the server gets the call once at the most.
func TestTurnedAwayAtOnce(t *testing.T) {
	for _, name := range []string{"aws", "connect", "http"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := adapters[name](t)
			require.NotNil(t, s.bare)
			r := row{fault: func(w *world, _ *call) { w.lossy.TurnAway(1) }, cold: true}
			for range 20 {
				before := s.count.Load()
				got, err := r.outcome(t, s)
				assert.Contains(t, []string{recovered, unknown}, got, "%v", err)
				assert.Equal(t, got == recovered, s.count.Load()-before == 1, got)
			}
		})
	}
}

// outcome says what comes of the row's call. Where that takes a limit that the server is within, a
// busy machine gets a longer one.
func (r row) outcome(t *testing.T, s service) (string, error) {
	t.Helper()
	for limit := short; ; limit *= 2 {
		c := &call{limit: limit, attempt: long}
		got, err := r.make(t, s, c)
		if c.reached == nil || c.reached() {
			return got, err
		}
	}
}

// make makes the row's call, and says what came of it.
func (r row) make(t *testing.T, s service, c *call) (string, error) {
	t.Helper()
	w := newWorld(t, s)
	c.ctx, c.cancel = context.WithCancel(t.Context())
	defer func() { c.cancel() }()

	loop := retry.Custom(1, time.Millisecond, time.Millisecond, false)
	loop.OnlyUnsent = r.only
	guard := breaker.Config{FailureRatio: -1, ConsecutiveFailures: 100}
	p, err := holdfast.New("agree", loop, guard, deadline.In(long))
	require.NoError(t, err)
	client := s.connect(t, w, p)
	if client[r.kind] == nil {
		t.Skip("the protocol has no such call")
	}
	if r.hangs && s.hangs != "" {
		t.Skip(s.hangs)
	}
	if !r.cold {
		require.NoError(t, client[write](resilience.MarkIdempotent(c.ctx)), "to warm up")
	}

	r.fault(w, c)
	require.NoError(t, p.Update(loop, guard, deadline.In(c.attempt)))
	if r.mark != nil {
		c.ctx = r.mark(c.ctx)
	}
	before := p.Snapshot()
	err = client[r.kind](c.ctx)
	if c.ends {
		<-c.ctx.Done()
	}
	requireTellingType(t, err)
	after := p.Snapshot()
	counts := func(s holdfast.Snapshot) breaker.Counts { return s.Breakers[0].Counts }
	words := []string{
		fmt.Sprintf("breaker %d ok %d failed", counts(after).Successes-counts(before).Successes, counts(after).Failures-counts(before).Failures),
	}
	if c.ends { // a breaker goes by how long it hung, which no test should
		words[0] = fmt.Sprintf("breaker %d ok", counts(after).Successes-counts(before).Successes)
	}
	switch n := after.Attempts - before.Attempts - 1; n {
	case 1:
		words = append(words, "1 retry")
	default:
		words = append(words, fmt.Sprintf("%d retries", n))
	}
	if err == nil {
		words = append(words, "success")
	} else {
		words = append(words, resilience.ReasonOf(err).String())
	}
	words = append(words, said(c, err)...)
	return strings.Join(words, "; "), err
}

// requireTellingType checks what error.type in a trace is made from: the type of the client's own
// error, and not that of a wrapper of this module.
func requireTellingType(t *testing.T, err error) {
	t.Helper()
	origin := resilience.Origin(err)
	if origin == nil {
		return
	}
	of := reflect.TypeOf(origin)
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if !strings.HasPrefix(of.PkgPath(), "github.com/media-gateway/holdfast") {
		return
	}
	switch e := origin.(type) { //nolint:errorlint // the error itself, not one that it wraps
	case interface{ Unwrap() error }:
		require.NoError(t, e.Unwrap(), "%T is around it", origin)
	case interface{ Unwrap() []error }:
		assert.Empty(t, e.Unwrap(), "%T is around it", origin)
	}
}

// said returns what an error says of itself.
func said(c *call, err error) (words []string) {
	say := func(word string, holds bool) {
		if holds {
			words = append(words, word)
		}
	}
	say("unknown", errors.Is(err, resilience.ErrOutcomeUnknown))
	say("repeatable", errors.Is(err, resilience.ErrOutcomeUnknown) && !resilience.NoRetry(err))
	say("unsent", resilience.Unsent(err))
	say("ended", c.ends && errors.Is(err, c.ctx.Err()))
	return words
}
