package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing/synctest"
	"time"

	"github.com/media-gateway/holdfast"
	adviser "github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience"
)

// modelPod is a pod of the trace.
type modelPod struct {
	world  *modelWorld
	number int
	cut    bool
	silent bool
	link   *link
	hung   chan struct{} // closed to end the probe that hangs; nil if none does
	ended  chan error    // told what it returned

	fleet    *Fleet
	pipeline *holdfast.Pipeline
	hook     adviser.Breaker
}

var errModelDown = resilience.MarkTransient(errors.New("down"))

// start starts the pod, which knows nothing.
func (p *modelPod) start() (err error) {
	if p.pipeline, err = holdfast.New("checkout", modelConfig); err != nil {
		return err
	}
	p.link = &link{Transport: p.world.store, pod: p, at: "idle"}
	p.fleet = newFleet(p.link, "shop", &options{pod: p.name(), log: slog.New(slog.DiscardHandler), now: time.Now})
	p.fleet.Add(p.pipeline)
	p.fleet.members.choice = p.fleet.choose()
	p.fleet.members.find(p.fleet.sources()) // what is called before that is not counted
	p.hook, _ = adviser.Of(p.pipeline.Breakers()[0])
	return nil
}

// die ends the pod, with its messages and its probe.
func (p *modelPod) die() {
	p.link.cutOff()
	if p.hung != nil {
		p.end()
	}
	synctest.Wait()
}

func (p *modelPod) name() string { return fmt.Sprint("pod ", p.number) }

// outcome is what a call ends with now.
func (p *modelPod) outcome() error {
	if p.world.down || p.world.broken == p.number {
		return errModelDown
	}
	return nil
}

// call makes a call, which hangs if it is told to and gets as far. It returns what came of it, in
// the model's words.
func (p *modelPod) call(hangs bool) (came string) {
	if p.silent {
		return "none"
	}
	words := map[bool]string{true: "won", false: "lost"}
	if p.state() == resilience.StateClosed {
		words = map[bool]string{true: "ok", false: "fail"}
	}
	hung, ended := make(chan struct{}), make(chan error, 1)
	ran := false
	go func() {
		ended <- p.pipeline.Do(context.Background(), func(context.Context) error {
			ran = true
			if hangs {
				<-hung
			}
			return p.outcome()
		})
	}()
	synctest.Wait()
	if ran && hangs {
		p.hung, p.ended = hung, ended
		return "hangs"
	}
	err := <-ended
	if !ran {
		return "refused"
	}
	return words[err == nil]
}

// end ends the probe that hangs.
func (p *modelPod) end() (came string) {
	close(p.hung)
	err := <-p.ended
	p.hung = nil
	return map[bool]string{true: "won", false: "lost"}[err == nil]
}

// look is what Fleet.run does a tenth of a second after the pod has the lease, and again.
func (p *modelPod) look() {
	if p.holds() && p.link.at == "idle" {
		<-p.fleet.idle
		go p.fleet.look(context.Background())
		synctest.Wait()
	}
}

// work is what Fleet.run does in each tick. It returns what the pod has heard, in the words of the
// model.
func (p *modelPod) work() (hears string) {
	<-p.fleet.idle
	go p.fleet.work(context.Background())
	synctest.Wait()
	if p.link.at != "idle" {
		return "heard"
	}
	switch why := p.fleet.Stats().Why; {
	case why == "":
		return "heard"
	case errors.Is(p.link.failed, errNoAnswer):
		return "unheard"
	case p.link.failed != nil:
		return "alone"
	}
	return "old"
}

// holds reports whether the pod takes the lease for its own.
func (p *modelPod) holds() bool { return p.fleet.members.all[0].probing.epoch != 0 }

// state is that of the breaker: open, too, when it is time to probe.
func (p *modelPod) state() resilience.State { return p.hook.Reader().Read().State }
