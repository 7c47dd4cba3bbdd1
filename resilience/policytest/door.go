package policytest

import (
	"context"
	"sync"
	"testing/synctest"

	"github.com/media-gateway/holdfast/resilience"
)

// door is a Guard, and one of the two ways in and out of it.
type door struct {
	resilience.Guard
	tickets resilience.TicketGuard // nil: Acquire and Release
}

func ticketDoor(g resilience.Guard) door {
	return door{g, g.(resilience.TicketGuard)} //nolint:forcetypeassert // whoever calls it has looked
}

// enter admits a call, which ends with leave.
func (d door) enter(ctx context.Context) (leave func(err error), err error) {
	if d.tickets == nil {
		return func(err error) { d.Release(ctx, err) }, d.Acquire(ctx)
	}
	ticket, err := d.tickets.Admit(ctx)
	return func(err error) { d.tickets.Done(ctx, ticket, err) }, err
}

// in names the method by which enter admits.
func (d door) in() string {
	if d.tickets == nil {
		return "Acquire"
	}
	return "Admit"
}

// out names the method by which leave ends a call.
func (d door) out() string {
	if d.tickets == nil {
		return "Release"
	}
	return "Done"
}

// holders are calls in flight, each on its own goroutine.
type holders struct {
	count   int
	release chan struct{}
	ended   sync.WaitGroup
	cancels []context.CancelFunc
}

// fill takes places until the guard refuses or makes a caller wait, or limit are taken.
// It gives that last caller up.
func fill(ctx context.Context, g door) *holders {
	h := &holders{release: make(chan struct{})}
	for h.count < limit {
		waiting, giveUp := context.WithCancel(ctx)
		admitted := make(chan bool, 1)
		h.ended.Go(func() {
			leave, err := g.enter(waiting)
			admitted <- err == nil
			if err == nil {
				<-h.release
				leave(nil)
			}
		})
		synctest.Wait()
		select {
		case ok := <-admitted:
			if ok {
				h.count++
				h.cancels = append(h.cancels, giveUp)
				continue
			}
		default: // it waits
		}
		giveUp()
		synctest.Wait()
		break
	}
	return h
}

func (h *holders) end() {
	close(h.release)
	h.ended.Wait()
	for _, cancel := range h.cancels {
		cancel()
	}
}

// capacity returns how many calls at once g admits now.
func capacity(ctx context.Context, g door) int {
	h := fill(ctx, g)
	h.end()
	rest()
	return h.count
}
