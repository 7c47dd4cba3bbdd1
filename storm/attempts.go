package storm

import (
	"math/rand/v2"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// attempt is one run of the op, as the server and the network see it.
type attempt struct {
	call     *flight
	number   int // of the call's, from 1 on
	rnd      *rand.Rand
	deadline time.Duration // when the caller's ctx ends
	done     chan struct{} // closed when the answer is there
	err      error         // the answer
	left     bool          // the caller has gone
	state    workState

	joined   time.Duration // the queue
	place    int           // in server.inWork
	ends     time.Duration // when the work is going to end, or the answer to be held back no more
	stolen   time.Duration // what of server.stolen is in that
	slowdown float64       // what of the conditions is in that
	held     bool          // the work is done, and the answer is held back
	worked   time.Duration // since when
	asking   bool          // the worker waits for the server behind
	cancel   func()        // of that call
}

type workState uint8

const (
	underway workState = iota // on its way to the server
	queued
	working
	over
)

// server is the state of a Server. Its methods are called under the lab's lock.
type server struct {
	Server
	lab        *lab
	name       string // of a Downstream
	meter      *meter
	depth      uint64      // how many servers stand before it
	behind     *downstream // nil: none
	triggers   []Trigger
	conditions conditions
	some       []active // triggers for some calls
	busy       int
	inWork     []*attempt
	line       waitingLine
	stolen     time.Duration // what refusals have taken from each busy worker, so far
}

// open makes s ready, under the conditions at the start.
func (s *server) open(l *lab, config Server, triggers []Trigger, m *meter, depth uint64) {
	*s = server{Server: config, lab: l, triggers: triggers, meter: m, depth: depth}
	s.line.server = s
	s.conditions, s.some = s.at(0)
}

// travel has f called when a message of a has come over the network, and reports whether it will
// be: a message may get lost.
func (s *server) travel(a *attempt, f func()) bool {
	c := s.felt(a)
	takes := draw(s.Hop, a.rnd) + c.hopLatency
	if c.hopLoss > 0 && a.rnd.Float64() < c.hopLoss {
		return false
	}
	s.lab.at(s.lab.now()+takes, f)
	return true
}

// arrive is when an attempt has come over the network.
func (s *server) arrive(a *attempt) {
	before := s.felt(a).before
	switch {
	case a.left && s.StopsWhenLeft:
		a.state = over
	case before > 0 && a.rnd.Float64() < before:
		s.reply(a, ErrFailed)
	case s.busy < s.conditions.workers:
		s.work(a)
	case s.QueueLimit < 0, s.QueueLimit > 0 && s.line.waiting >= s.QueueLimit:
		s.refuse(a, ErrQueueFull)
	default:
		s.line.join(a)
	}
}

// work begins on a.
func (s *server) work(a *attempt) {
	now := s.lab.now()
	a.slowdown = s.felt(a).slowdown
	takes := (float64(draw(s.Service, a.rnd)) + float64(s.PerInFlight)*float64(s.busy)) * a.slowdown
	s.meter.stand(now, s.line.waiting, s.busy+1)
	s.busy++
	a.state, a.place = working, len(s.inWork)
	s.inWork = append(s.inWork, a)
	a.ends, a.stolen = now+longest(takes), s.stolen
	s.endAt(a)
}

// endAt has the work on a end when it is due, or later if refusals take time from it until then.
func (s *server) endAt(a *attempt) {
	due := a.ends
	s.lab.at(due, func() {
		if a.state != working || a.ends != due { // it was stopped, or is due at another time
			return
		}
		if lost := s.stolen - a.stolen; lost > 0 && !a.held {
			a.ends, a.stolen = a.ends+lost, s.stolen
			s.endAt(a)
			return
		}
		if latency := s.felt(a).latency; latency > 0 && !a.held {
			a.held, a.worked = true, s.lab.now()
			a.ends = a.worked + latency
			s.endAt(a)
			return
		}
		if s.behind != nil {
			s.behind.ask(s, a)
			return
		}
		s.worked(a, nil)
	})
}

// refuse turns a away with err, at the cost of the workers that are busy.
func (s *server) refuse(a *attempt, err error) {
	if s.Overload {
		err = resilience.MarkOverload(err, s.RetryAfter)
	}
	a.state = over
	cost := time.Duration(0)
	if s.RefusalCost > 0 {
		cost = longest(s.RefusalCost * float64(draw(s.Service, a.rnd)) * s.felt(a).slowdown)
	}
	if cost == 0 {
		s.reply(a, err)
		return
	}
	if s.busy > 0 {
		s.stolen += cost / time.Duration(s.busy)
	}
	s.lab.at(s.lab.now()+cost, func() { s.reply(a, err) })
}

// worked is when the work on a is done, the part of the server behind included, which returned err.
func (s *server) worked(a *attempt, err error) {
	s.free(a)
	s.meter.bucket(s.lab.now()).Works++
	if after := s.felt(a).after; err != nil || after > 0 && a.rnd.Float64() < after {
		err = ErrFailed
		s.meter.bucket(s.lab.now()).Wasted++
	}
	s.reply(a, err)
	s.admit()
}

// free takes a's worker away from it.
func (s *server) free(a *attempt) {
	s.meter.stand(s.lab.now(), s.line.waiting, s.busy-1)
	s.busy--
	last := s.inWork[s.busy]
	s.inWork[a.place], s.inWork[s.busy] = last, nil
	last.place = a.place
	s.inWork = s.inWork[:s.busy]
	a.state = over
}

// admit lets in those who wait, as far as there are workers.
func (s *server) admit() {
	for s.busy < s.conditions.workers {
		a := s.line.next()
		if a == nil {
			return
		}
		s.work(a)
	}
}

// leave is when a's caller has gone. The server learns it if it is one that stops then.
func (s *server) leave(a *attempt) {
	a.left = true
	if s.StopsWhenLeft {
		s.travel(a, func() { s.stop(a) })
	}
}

// stop is when the server has learned that a's caller is gone.
func (s *server) stop(a *attempt) {
	switch a.state {
	case queued:
		s.line.leave(a)
	case working:
		if a.asking {
			a.cancel()
		}
		s.free(a)
		s.admit()
	default: // it is on its way, or has been answered
	}
}

// reply sends the answer on its way.
func (s *server) reply(a *attempt, err error) {
	s.lab.count(a.call, func(b *Bucket) { b.answered(err) })
	done := a.state == over && err == nil
	a.state = over
	arrives := s.travel(a, func() {
		now := s.lab.now()
		if a.left || now >= a.deadline { // at one instant, the end of the ctx goes first
			if done {
				s.meter.bucket(now).Wasted++
			}
			return
		}
		a.err = err
		close(a.done)
	})
	if !arrives && done {
		s.meter.bucket(s.lab.now()).Wasted++
	}
}
