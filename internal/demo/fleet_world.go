package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/internal/bubble"
	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// errUnreachable is what a call gets while the dependency is down, or from a broken pod.
var errUnreachable = resilience.MarkTransient(errors.New("connection refused"))

// world is one play of a fleet's pods: each alone, or joined. Its time is virtual. What happened is
// noted, and the report is made from that.
type world struct {
	cfg   FleetConfig
	start time.Time
	pods  []*pod

	mu      sync.Mutex
	calls   []podCall
	dead    []podCall // attempts that reached the dependency while it was down
	moments []moment
	advised uint64 // breakers that were opened on the fleet's advice
}

type pod struct {
	pipeline *holdfast.Pipeline
	fleet    *fleet.Fleet // nil if it is alone
}

// podCall is a call and the pod that made it.
type podCall struct {
	Call
	pod int
}

// sampling is how often the breakers are looked at. No breaker of the presets is open for less.
const sampling = 50 * time.Millisecond

// moment is which breakers are open (or half-open) at a time.
type moment struct {
	at   time.Duration
	open []bool // by pod
}

// playWorld plays the script once. It returns false if ctx ended before that.
func playWorld(ctx context.Context, cfg FleetConfig, joined bool) (w *world, whole bool, err error) {
	if mono.Bubbled() {
		return nil, false, errors.New("called in a bubble of testing/synctest; want a call outside of it: the play opens its own")
	}
	bubble.Run(nil, func() {
		defer chance.Seed(cfg.Seed, forChance)()
		defer chance.MovePauses(apart())()
		w = &world{cfg: cfg}
		defer w.leave()
		if err = w.open(joined); err == nil {
			whole = w.perform(func() bool { return ctx.Err() != nil })
		}
	})
	return w, whole, err
}

// forChance sets the numbers that are drawn apart from those of the arrivals.
const forChance = 2

// apart returns what makes each pause some nanoseconds longer than the others: of two that end at
// the same moment, chance would decide which goes on first.
func apart() func(time.Duration) time.Duration {
	var mu sync.Mutex
	var n time.Duration
	return func(d time.Duration) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		n++
		return d + n
	}
}

// open makes the pods. They come one after the other, as in a deployment: if all came at one
// moment, chance would decide which draws its numbers first.
func (w *world) open(joined bool) error {
	store := fleet.InProcess()
	for i := range w.cfg.Pods {
		p, err := holdfast.New("payments", w.cfg.Stages()...)
		if err != nil {
			return err
		}
		one := &pod{pipeline: p}
		w.pods = append(w.pods, one)
		if joined {
			one.fleet, err = fleet.Join(context.Background(), store, "shop",
				fleet.WithPod(fmt.Sprint("pod-", i)), fleet.WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				return err
			}
			one.fleet.Add(p)
		}
		time.Sleep(time.Second / time.Duration(w.cfg.Pods))
	}
	w.start = time.Now()
	return nil
}

// leave ends the pods, and counts what the fleet has advised.
func (w *world) leave() {
	for _, p := range w.pods {
		if p.fleet != nil {
			w.advised += p.fleet.Stats().Advised
			p.fleet.Leave()
		}
	}
}

// perform makes the calls as they arrive, and waits for the last one. It returns false if it was
// stopped.
func (w *world) perform(stopped func() bool) bool {
	var calls sync.WaitGroup
	defer calls.Wait()
	over := make(chan struct{})
	defer close(over)
	calls.Go(func() { w.watch(over) })
	for _, a := range Schedule(w.cfg.Seed, w.cfg.Rate*float64(w.cfg.Pods), w.cfg.Length(), w.cfg.Pods) {
		if stopped() {
			return false
		}
		time.Sleep(a.At - w.now())
		calls.Go(func() { w.call(a.At, a.Backend) })
	}
	time.Sleep(w.cfg.Length() - w.now())
	return true
}

func (w *world) now() time.Duration { return time.Since(w.start) }

// call makes a pod's call.
func (w *world) call(at time.Duration, pod int) {
	c := podCall{Call{At: at}, pod}
	err := w.pods[pod].pipeline.Do(context.Background(), func(context.Context) error {
		c.Attempts++
		return w.attempt(pod)
	})
	c.Latency = w.now() - at
	if err != nil {
		c.Outcome = Failed
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, c)
}

// attempt is the network and the dependency.
func (w *world) attempt(pod int) error {
	now := w.now()
	switch {
	case pod == brokenPod && w.cfg.breaks() <= now && now < w.cfg.mends():
		return errUnreachable
	case w.cfg.down() <= now && now < w.cfg.up():
		w.mu.Lock()
		defer w.mu.Unlock()
		w.dead = append(w.dead, podCall{Call{At: now}, pod})
		return errUnreachable
	}
	time.Sleep(w.cfg.Answer)
	return nil
}

// watch takes samples until over is closed.
func (w *world) watch(over <-chan struct{}) {
	t := time.NewTicker(sampling)
	defer t.Stop()
	for {
		select {
		case <-over:
			return
		case <-t.C:
			s := moment{w.now(), make([]bool, len(w.pods))}
			for i, p := range w.pods {
				for _, b := range p.pipeline.Breakers() {
					s.open[i] = s.open[i] || b.State() != breaker.StateClosed
				}
			}
			w.moments = append(w.moments, s)
		}
	}
}
