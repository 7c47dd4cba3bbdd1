package fleet

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// The runs of formal/fleet.pml, followed with the code. Everything is the code that pods run, but
// for the timers of Fleet.run: the model says when a pod has its turn.

// modelTick is a tick of the model. It is a little longer than one of the code, and all events of a
// tick take less than that little. So each pause of the code takes the same number of the model's
// ticks, at whatever moments of two ticks it begins and ends.
const (
	modelTick = tick + 100*time.Microsecond
	moment    = time.Microsecond // between two events
)

// modelConfig is the breaker of the model: see the bounds in fleet.pml. Its pauses take more than
// one tick and, with what chance adds, less than two.
var modelConfig = breaker.Config{
	ConsecutiveFailures: 2, FailureRatio: -1, Window: time.Hour, HalfOpenProbes: 1, ProbeTimeout: -1,
	OpenFor: 600 * time.Millisecond, MaxOpenFor: 600 * time.Millisecond,
}

// modelWorld follows a trace.
type modelWorld struct {
	store  *inProcess
	up     bool
	down   bool // the dependency is
	broken int
	pods   []*modelPod
	began  time.Time
	ticks  int
}

// holder is who holds the lease in the store: the number of pods if nobody does.
func (w *modelWorld) holder() int {
	for _, r := range w.store.rooms { // there is one at the most
		if time.Now().Before(r.expires) {
			return slices.IndexFunc(w.pods, func(p *modelPod) bool { return p.name() == r.holder })
		}
	}
	return len(w.pods)
}

// follow does what an event says, and returns in which way something else came of it.
func (w *modelWorld) follow(e modelEvent) error {
	time.Sleep(moment)
	p := w.pods[e.pod]
	switch e.does {
	case "tick":
		w.ticks++
		time.Sleep(time.Until(w.began.Add(time.Duration(w.ticks) * modelTick)))
	case "store":
		w.up = e.is("1")
	case "dependency":
		w.down = e.is("0")
	case "quiet":
		w.up = true
		for _, p := range w.pods {
			p.cut = false
		}
	case "cut":
		p.cut = e.is("1")
	case "callers":
		p.silent = e.is("0")
	case "dead":
		if e.is("1") {
			p.die()
			return p.start() // the next one, which has no turns until it is alive
		}
	case "turn":
		return p.turn(e)
	case "ends":
		p.link.became = "none"
		came := p.end()
		p.look()
		return errors.Join(differ("the probe", came, e.words[0]), differ("what is told", p.link.became, e.words[1]))
	case "lease", "told":
		p.link.deliver()
		return differ("the message", p.link.became, e.words[0])
	case "answer":
		came := p.link.at
		if p.link.deliver(); !p.holds() {
			came = "denied" // or too late
		}
		return differ("the message", came, e.words[0])
	case "again":
		return differ("what is told again", p.link.tellAgain(), e.words[0])
	default:
		return fmt.Errorf("an event %q, which nobody knows", e.does)
	}
	return nil
}

// turn is a pod's turn in a tick.
func (p *modelPod) turn(e modelEvent) error {
	call, became, mode, hears, phase := e.words[0], e.words[1], e.words[2], e.words[3], e.words[4]
	if mode == "stops" {
		return nil
	}
	p.link.became, p.link.mode, p.link.failed = "none", mode, nil
	came, heard := p.call(mode == "hangs"), "alone"
	if p.look(); p.link.at == "idle" {
		heard = p.work()
	}
	p.link.mode = ""
	return errors.Join(
		differ("the call", came, call), differ("the message", p.link.became, became),
		differ("the news", heard, hears), differ("waits", p.link.at, phase),
	)
}

// compare compares how the pod of an event stands, and the lease, with what the trace says.
func (w *modelWorld) compare(e modelEvent) error {
	err := differ("the lease", w.holder(), e.holder)
	if !e.ofPod() {
		return err
	}
	p := w.pods[e.pod]
	return errors.Join(err, differ("the breaker", modelStates[p.state()], e.at), differ("holds the lease", p.holds(), e.has))
}

var modelStates = map[resilience.State]string{
	resilience.StateClosed: "closed", resilience.StateOpen: "open", resilience.StateHalfOpen: "probing",
}

func differ[T comparable](what string, is, want T) error {
	if is == want {
		return nil
	}
	return fmt.Errorf("%s: %v; the model says %v", what, is, want)
}

// followModel follows the events. It returns the first at which the code does something else, and
// what.
func followModel(events []modelEvent) (at modelEvent, err error) {
	w := &modelWorld{store: &inProcess{rooms: map[string]*room{}}, up: true, began: time.Now()}
	first := events[0]
	for i := range first.pod {
		p := &modelPod{world: w, number: i, silent: i == first.pod-1 && first.words[1] == "1"}
		if err := p.start(); err != nil {
			return first, err
		}
		w.pods = append(w.pods, p)
	}
	_, _ = fmt.Sscan(first.words[0], &w.broken)
	defer func() {
		for _, p := range w.pods {
			p.die()
		}
	}()
	for _, e := range events[1:] {
		if err := errors.Join(w.follow(e), w.compare(e)); err != nil {
			return e, err
		}
	}
	return at, nil
}

// Runs of the model, drawn at random: pods and their store do what the model does, at every event.
func TestAFleetFollowsItsModel(t *testing.T) {
	paths, err := filepath.Glob("../formal/testdata/fleet/*-*.trace")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	seen := map[string]int{}
	for _, path := range paths {
		events := readModel(t, path)
		for _, e := range events {
			seen[e.does]++
			for _, word := range e.words {
				seen[e.does+" "+word]++
			}
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, err := followModel(events)
				require.NoError(t, err, "line %d: %s", at.line, at.description)
			})
		})
	}
	for _, what := range []string{
		"turn ok", "turn fail", "turn refused", "turn won", "turn lost", "turn hangs", "turn none",
		"turn heard", "turn alone", "turn unheard", "turn slow", "turn mute", "turn stops", "turn old",
		"turn granted", "turn accepted", "turn gone", "turn asking", "turn telling",
		"ends won", "ends lost", "lease granted", "lease denied", "answer granted", "answer denied",
		"told accepted", "told ignored", "told gone", "again ignored", "store 0", "store 1", "dependency 0", "dependency 1",
		"cut 0", "cut 1", "dead 0", "dead 1", "callers 0", "callers 1", "tick",
	} {
		require.Positive(t, seen[what], "the runs come to %q: %v", what, slices.Sorted(maps.Keys(seen)))
	}
}

// What a fleet with a mistake does, as spin found it. The real one parts from it, at the event at
// which the mistake shows.
func TestAFleetHasNoMutantsMistake(t *testing.T) {
	for mutant, parts := range map[string]struct{ at, by string }{
		"LEASE_FROM_REPLY": {"answer 1 granted", "the message: denied"},
		"NO_HOLD_AFTER":    {"turn 1 lost accepted", "the call: refused"},
		"NO_EPOCH":         {"told 1 accepted", "the message: ignored"},
		"TOLD_TWICE":       {"again 1 accepted", "what is told again: ignored"},
		"STILL_WAITS":      {"turn 1 refused granted", "the message: none"},
		"SAME_AGAIN":       {"turn 0 lost denied", "the message: accepted"},
		"NO_LAPSE":         {"turn 0 refused granted", "the call: lost"},
		"NO_VETO":          {"turn 0 fail none prompt heard idle | open", "the breaker: closed"},
		"OTHERS_WORD":      {"turn 2 none none prompt heard idle | open", "the breaker: closed"},
	} {
		events := readModel(t, filepath.Join("../formal/testdata/fleet", mutant+".trace"))
		t.Run(mutant, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, err := followModel(events)
				require.ErrorContains(t, err, parts.by, "line %d: %s", at.line, at.description)
				require.Contains(t, at.description, parts.at, "line %d", at.line)
			})
		})
	}
}
