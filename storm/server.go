package storm

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// What the server answers when it does not do what it should. Both are worth a retry to
// [resilience.Classify].
var (
	ErrFailed    = resilience.MarkTransient(errors.New("storm: the server failed"))
	ErrQueueFull = resilience.MarkTransient(errors.New("storm: the server's queue is full"))
)

// Server is the model of a dependency: a hop there, a queue, some workers, a hop back. The zero
// Server does any amount of work in no time.
type Server struct {
	// Workers is how many attempts are worked on at a time, up to 1,000,000; the others queue,
	// first come, first served. 0: there is a worker for each.
	Workers int
	// QueueLimit is how many attempts can wait; to another, the answer is ErrQueueFull. 0: any
	// number. -1: none.
	QueueLimit int
	// Service is how long the work takes.
	Service Distribution
	// PerInFlight makes the work take that much longer for each other attempt in work when it
	// begins: a database whose connections get in each other's way.
	PerInFlight time.Duration
	// Hop is how long the network takes, each way.
	Hop Distribution
	// StopsWhenLeft: the server learns, a hop later, that the caller has left, and stops the work.
	// Else it works on, for nobody.
	StopsWhenLeft bool
}

func (s Server) check(c *check.Check) {
	if s.Workers < 0 || s.Workers > maxWorkers {
		c.Fail("Server.Workers", s.Workers, "want 1 to %d, or 0 for any number", maxWorkers)
	}
	if s.QueueLimit < -1 {
		c.Fail("Server.QueueLimit", s.QueueLimit, "want a number of places, 0 for no limit, or -1 for none")
	}
	if s.QueueLimit != 0 && s.Workers == 0 {
		c.Fail("Server.QueueLimit", s.QueueLimit, "want 0 where nobody waits: there is a worker for each")
	}
	checkDistribution(c, "Server.Service", s.Service)
	if s.PerInFlight < 0 {
		c.Fail("Server.PerInFlight", s.PerInFlight, "want at least 0")
	}
	checkDistribution(c, "Server.Hop", s.Hop)
}

const maxWorkers = 1_000_000

// attempt is one run of the op, as the server and the network see it.
type attempt struct {
	rnd      *rand.Rand
	deadline time.Duration // when the caller's ctx ends
	done     chan struct{} // closed when the answer is there
	err      error         // the answer
	left     bool          // the caller has gone
	state    workState
}

type workState uint8

const (
	underway workState = iota // on its way to the server
	queued
	working
	over
)

// weather is what the triggers make of the server at a time.
type weather struct {
	before, after float64 // error ratios: on arrival, and of work done
	workers       int
	slowdown      float64
	latency       time.Duration
}

func (s Scenario) weatherAt(now time.Duration) weather {
	w := weather{slowdown: 1}
	up := 1.0
	for _, t := range s.Triggers {
		if now < t.At || (t.ends() && now >= t.At+t.For) {
			continue
		}
		if t.AfterWork {
			w.after = 1 - (1-w.after)*(1-t.ErrorRatio)
		} else {
			w.before = 1 - (1-w.before)*(1-t.ErrorRatio)
		}
		up *= 1 - t.CapacityLoss
		if t.Slowdown > 0 {
			w.slowdown *= t.Slowdown
		}
		w.latency += t.Latency
	}
	w.workers = math.MaxInt
	if s.Server.Workers > 0 {
		w.workers = int(math.Round(up * float64(s.Server.Workers)))
	}
	return w
}

// server is the state of a Server. Its methods are called under the lab's lock.
type server struct {
	Server
	lab     *lab
	weather weather
	busy    int
	waiting int        // in queue, without those that were stopped
	queue   []*attempt // from head on
	head    int
}

// turn sets the weather, and lets in whoever it makes room for.
func (s *server) turn(w weather) {
	s.weather = w
	s.admit()
}

// arrive is when an attempt has come over the network.
func (s *server) arrive(a *attempt) {
	switch {
	case a.left && s.StopsWhenLeft:
		a.state = over
	case s.weather.before > 0 && a.rnd.Float64() < s.weather.before:
		s.reply(a, ErrFailed)
	case s.busy < s.weather.workers:
		s.work(a)
	case s.QueueLimit < 0, s.QueueLimit > 0 && s.waiting >= s.QueueLimit:
		s.reply(a, ErrQueueFull)
	default:
		s.lab.meter.stand(s.lab.now(), s.waiting+1, s.busy)
		a.state = queued
		s.waiting++
		s.queue = append(s.queue, a)
	}
}

// work begins on a.
func (s *server) work(a *attempt) {
	now := s.lab.now()
	takes := longest(float64(draw(s.Service, a.rnd))*s.weather.slowdown +
		float64(s.weather.latency) + float64(s.PerInFlight)*float64(s.busy))
	s.lab.meter.stand(now, s.waiting, s.busy+1)
	s.busy++
	a.state = working
	s.lab.at(now+takes, func() {
		if a.state == working { // else it was stopped
			s.worked(a)
		}
	})
}

// worked is when the work on a is done.
func (s *server) worked(a *attempt) {
	s.free(a)
	s.lab.meter.bucket(s.lab.now()).Works++
	var err error
	if s.weather.after > 0 && a.rnd.Float64() < s.weather.after {
		err = ErrFailed
		s.lab.meter.bucket(s.lab.now()).Wasted++
	}
	s.reply(a, err)
	s.admit()
}

// free takes a's worker away from it.
func (s *server) free(a *attempt) {
	s.lab.meter.stand(s.lab.now(), s.waiting, s.busy-1)
	s.busy--
	a.state = over
}

// admit lets in those who wait, as far as there are workers.
func (s *server) admit() {
	for s.waiting > 0 && s.busy < s.weather.workers {
		a := s.queue[s.head]
		s.queue[s.head] = nil
		s.head++
		if a.state == queued { // else it was stopped
			s.waiting--
			s.work(a)
		}
	}
	if s.head > len(s.queue)/2 {
		s.queue = append(s.queue[:0], s.queue[s.head:]...)
		s.head = 0
	}
}

// stop is when the server has learned that a's caller is gone.
func (s *server) stop(a *attempt) {
	switch a.state {
	case queued:
		s.lab.meter.stand(s.lab.now(), s.waiting-1, s.busy)
		s.waiting--
		a.state = over
	case working:
		s.free(a)
		s.admit()
	default: // it is on its way, or has been answered
	}
}

// reply sends the answer on its way.
func (s *server) reply(a *attempt, err error) {
	s.lab.meter.answered(s.lab.now(), err)
	done := a.state == over
	a.state = over
	s.lab.at(s.lab.now()+draw(s.Hop, a.rnd), func() {
		now := s.lab.now()
		if a.left || now >= a.deadline { // at one instant, the end of the ctx goes first
			if done && err == nil {
				s.lab.meter.bucket(now).Wasted++
			}
			return
		}
		a.err = err
		close(a.done)
	})
}
