package formal_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// tick is the model's unit of time. What chance adds to a pause is less than half of it, or the
// model's ticks would be others.
const tick = time.Second

// config is the breaker of the model: see the bounds in breaker.pml and series.pml. A series whose
// MinOpenFor is its OpenFor has pauses of one length, without chance.
func config(tr trace) breaker.Config {
	c := breaker.Config{
		ConsecutiveFailures: 2, FailureRatio: -1, Window: time.Hour,
		OpenFor: tick, MaxOpenFor: 2 * tick, ProbeTimeout: 2 * tick,
		HalfOpenProbes: tr.bounds["PROBES"], MinSuccesses: tr.bounds["MIN_GOOD"],
	}
	if tr.model == "series" {
		c.MinOpenFor = c.OpenFor
	}
	return c
}

// subject is a breaker, alone or in a pipeline.
type subject struct {
	do      func(ctx context.Context, op resilience.Func) error
	stats   func() breaker.Stats
	isolate func() error
	reset   func() error
	update  func(c breaker.Config) error // to other numbers
	replace func(c breaker.Config) error // by another breaker
}

// alone is the breaker itself. update does what a pipeline's Update does with it.
func alone(c breaker.Config) (*subject, error) {
	b, err := breaker.New(c)
	return &subject{
		do:      func(ctx context.Context, op resilience.Func) error { return b.Do(ctx, op) },
		stats:   func() breaker.Stats { return b.Stats() },
		isolate: func() error { b.Isolate(); return nil },
		reset:   func() error { b.Reset(); return nil },
		update: func(c breaker.Config) error {
			r, err := stage.Of(b).Renew(b, c)
			if err == nil {
				r.Commit()
				b = r.Policy.(*breaker.Breaker) //nolint:forcetypeassert // it is its own kind
			}
			return err
		},
		replace: func(c breaker.Config) error {
			another, err := breaker.New(c)
			b = another
			return err
		},
	}, err
}

func inPipeline(c breaker.Config) (*subject, error) {
	c.Name = "model"
	p, err := holdfast.New("model", c)
	tune := func(t holdfast.Tuning) error {
		_, err := p.Tune(context.Background(), t)
		return err
	}
	return &subject{
		do:      func(ctx context.Context, op resilience.Func) error { return p.Do(ctx, op) },
		stats:   func() breaker.Stats { return p.Snapshot().Breakers[0] },
		isolate: func() error { return tune(holdfast.Tuning{Isolate: []string{"model"}}) },
		reset:   func() error { return tune(holdfast.Tuning{Reset: []string{"model"}}) },
		update: func(c breaker.Config) error {
			c.Name = "model"
			return p.Update(c)
		},
		replace: func(c breaker.Config) error {
			c.Name = "model"
			if err := p.Update(deadline.In(time.Hour)); err != nil {
				return err
			}
			return p.Update(c)
		},
	}, err
}

var kinds = map[string]func(breaker.Config) (*subject, error){"alone": alone, "in a pipeline": inPipeline}

// replay follows a trace with a breaker.
type replay struct {
	config  breaker.Config
	breaker *subject
	calls   map[int]*heldCall
	updates int           // so far, of the breaker's numbers
	shown   breaker.State // what the trace says, so far
}

// heldCall is a call that waits inside the breaker to be told how to end.
type heldCall struct {
	end     chan error
	inside  chan func(context.Context) // what to do inside of the op
	done    chan error                 // told what the call returned
	refused error                      // of a call of its own to the breaker
}

var (
	errDown = resilience.MarkTransient(errors.New("down"))
	errBusy = resilience.MarkRejected(errors.New("a stage inside refused"))
	states  = map[string]breaker.State{
		"closed": breaker.StateClosed, "open": breaker.StateOpen, "halfopen": breaker.StateHalfOpen, "isolated": breaker.StateIsolated,
	}
)

// endOf is the error with which an op ends, for an outcome of the model.
func endOf(outcome string) error {
	switch outcome {
	case "ok":
		return nil
	case "fail":
		return errDown
	}
	return errBusy
}

// run replays the events of tr, which go on for some rounds of its cycle. It returns the event at
// which the breaker does something else, and what.
func run(tr trace, kind func(breaker.Config) (*subject, error), rounds int) (at event, err error) {
	r := &replay{config: config(tr), calls: map[int]*heldCall{}}
	if r.breaker, err = kind(r.config); err != nil {
		return at, err
	}
	defer func() {
		for _, c := range r.calls {
			c.end <- nil
			err = errors.Join(err, <-c.done)
		}
	}()
	events := tr.events
	for range rounds {
		events = append(events[:len(events):len(events)], tr.events[tr.cycle:]...)
	}
	for _, e := range events {
		if err := r.follow(e); err != nil {
			return e, err
		}
		if err := r.compare(e); err != nil {
			return e, err
		}
	}
	return at, nil
}

func (r *replay) follow(e event) error {
	switch e.does {
	case "begin":
		return r.begin(e)
	case "again":
		return r.again(e)
	case "end":
		c := r.calls[e.call]
		delete(r.calls, e.call)
		err := endOf(e.outcome)
		if c.refused != nil {
			err = c.refused
		}
		c.end <- err
		returned := <-c.done
		synctest.Wait()
		return differ("the call returns its error", errors.Is(returned, err), true)
	case "tick":
		return r.tick(e)
	case "isolate":
		return r.breaker.isolate()
	case "reset":
		return r.breaker.reset()
	case "update":
		if e.outcome == "other" {
			return r.breaker.replace(r.config)
		}
		if r.updates++; r.updates%2 == 1 { // of the numbers, the one that the model does not know
			r.config.Window += time.Minute
		}
		return r.breaker.update(r.config)
	case "hangs": // it is told nothing, and so stays where it is
		return nil
	}
	return fmt.Errorf("an event %q, which nobody knows", e.does)
}

// begin begins a call in a goroutine of its own, which waits inside the op.
func (r *replay) begin(e event) error {
	c := &heldCall{end: make(chan error), inside: make(chan func(context.Context)), done: make(chan error, 1)}
	admitted := false
	go func() {
		c.done <- r.breaker.do(context.Background(), func(ctx context.Context) error {
			admitted = true
			for {
				select {
				case do := <-c.inside:
					do(ctx)
				case err := <-c.end:
					return err
				}
			}
		})
	}()
	synctest.Wait()
	if admitted {
		r.calls[e.call] = c
		return differ("the call is admitted", true, e.came != "refused")
	}
	if err := <-c.done; !errors.Is(err, breaker.ErrOpen) {
		return fmt.Errorf("a refused call returns %w", err)
	}
	return differ("the call is admitted", false, e.came != "refused")
}

// again lets a call under way pass the breaker once more, under its own ctx. What comes of it
// counts, unless it is a part of a probe: so it fails there.
func (r *replay) again(e event) error {
	c := r.calls[e.call]
	done := make(chan error)
	admitted := false
	c.inside <- func(ctx context.Context) {
		done <- r.breaker.do(ctx, func(context.Context) error {
			admitted = true
			if e.came == "part" {
				return errDown
			}
			return endOf(e.outcome)
		})
	}
	err := <-done
	synctest.Wait()
	if !admitted {
		c.refused = err
	}
	return differ("the call inside is admitted", admitted, e.came != "refused")
}

// tick lets a tick pass. The last one of a pause takes what chance has added to it as well.
func (r *replay) tick(e event) error {
	wait := tick
	if r.shown == breaker.StateOpen {
		left := r.breaker.stats().RetryAfter
		if left < tick {
			return fmt.Errorf("it probes in %v; the model in a tick at the soonest", left)
		}
		if e.state == "halfopen" {
			if left > tick*3/2 {
				return fmt.Errorf("it probes in %v; the model in one tick", left)
			}
			wait = left
		}
	}
	time.Sleep(wait)
	synctest.Wait()
	return nil
}

// compare compares how the breaker stands with what the trace says.
func (r *replay) compare(e event) error {
	s := r.breaker.stats()
	r.shown = states[e.state]
	row := s.Counts.ConsecutiveFailures
	good, bad := s.Counts.Successes, s.Counts.Failures
	if s.State == breaker.StateClosed { // the models have only the row
		good, bad = 0, 0
	} else { // and none of probes
		row = 0
	}
	return errors.Join(
		differ("state", s.State, r.shown), differ("failures in a row", row, e.row),
		differ("probes that succeeded", good, e.good), differ("probes that failed", bad, e.bad),
	)
}

func differ[T comparable](what string, is, want T) error {
	if is == want {
		return nil
	}
	return fmt.Errorf("%s: %v; the model says %v", what, is, want)
}

// Runs of the model, drawn at random: the breaker does what the model does, after every event.
func TestTheBreakerFollowsItsModel(t *testing.T) {
	paths, err := filepath.Glob("testdata/[bs]*/*-*.trace")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	seen := map[string]int{}
	for _, path := range paths {
		tr := readTrace(t, path)
		require.Positive(t, tr.bounds["PROBES"], path)
		for _, e := range tr.events {
			seen[tr.model+": "+e.does+" "+e.came]++
		}
		for name, kind := range kinds {
			t.Run(tr.model+"/"+filepath.Base(path)+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					at, err := run(tr, kind, 0)
					require.NoError(t, err, "line %d: %s", at.line, at.description)
				})
			})
		}
	}
	for _, what := range []string{
		"begin passes", "begin probe", "begin refused", "again passes", "again probe", "again part", "again refused",
		"end ok", "end fail", "end none", "hangs 0", "tick 0", "isolate 0", "reset 0", "update same", "update other",
	} {
		for _, model := range []string{"breaker", "series"} {
			require.GreaterOrEqual(t, seen[model+": "+what], 5, "the runs come to %q: %v", what, seen)
		}
	}
}

// What a breaker with a mistake does, as spin found it. The real one parts from it, at the event at
// which the mistake shows.
func TestTheBreakerHasNoMutantsMistake(t *testing.T) {
	for mutant, parts := range map[string]struct{ at, by string }{
		"breaker/STALE_CALL":    {"end 1 fail | open", "state: isolated"},
		"breaker/STALE_PROBE":   {"end 1 fail | open", "state: isolated"},
		"breaker/GATE_FORGETS":  {"begin 0 probe", "the call is admitted: false"},
		"breaker/ISOLATE_KEEPS": {"end 1 fail | open", "state: isolated"},
		"breaker/HANGS_FOREVER": {"tick 0 0 | halfopen", "state: open"},
		"breaker/TIME_RENEWED":  {"tick 0 0 | halfopen", "state: open"},
		"breaker/NO_MARK":       {"again 1 refused", "the call inside is admitted: true"},

		"series/ONE_AT_A_TIME": {"begin 0 refused", "the call is admitted: true"},
		"series/FROM_OUTCOME":  {"end 1 fail | open", "state: half-open"},
		"series/NO_PAUSE":      {"begin 1 probe | halfopen", "state: open"},
		"series/HANGS_FOREVER": {"tick 0 0 | halfopen 0 1 0", "probes that failed: 1"},
		"series/LATE_PROBE":    {"end 1 fail | halfopen 0 0 2", "probes that failed: 1"},
		"series/STALE_PROBE":   {"end 1 fail | open 0 0 1", "probes that failed: 0"},
		"series/STALE_CALL":    {"end 1 fail | open", "state: isolated"},
		"series/MISSING_GOOD":  {"end 1 ok | closed", "state: open"},
		"series/ISOLATE_KEEPS": {"end 1 fail | open", "state: isolated"},
		"series/NO_MARK":       {"again 1 refused", "the call inside is admitted: true"},
	} {
		tr := readTrace(t, filepath.Join("testdata", mutant+".trace"))
		require.Positive(t, tr.bounds["PROBES"], mutant)
		for name, kind := range kinds {
			t.Run(mutant+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					at, err := run(tr, kind, 3)
					require.ErrorContains(t, err, parts.by, "line %d: %s", at.line, at.description)
					require.Contains(t, at.description, parts.at, "line %d", at.line)
				})
			})
		}
	}
}
