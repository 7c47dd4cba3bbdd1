package storm

import (
	"errors"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// What the server answers when it does not do what it should. All are worth a retry to
// [resilience.Classify].
var (
	ErrFailed    = resilience.MarkTransient(errors.New("storm: the server failed"))
	ErrDropped   = resilience.MarkTransient(errors.New("storm: the server dropped it from its queue"))
	ErrQueueFull = resilience.MarkTransient(errors.New("storm: the server's queue is full"))
)

// Server is the model of a dependency: a hop there, a queue, some workers, a hop back. The zero
// Server does any amount of work in no time.
type Server struct {
	// Workers is how many attempts are worked on at a time, up to 1,000,000; the others queue. 0:
	// there is a worker for each.
	Workers int
	// QueueLimit is how many attempts can wait; another is refused with ErrQueueFull. 0: any
	// number. -1: none.
	QueueLimit int
	// Queue is in which order attempts leave the queue, and which are dropped from it: LIFO, CoDel
	// or AdaptiveLIFO. nil: first come, first served.
	Queue Queue
	// RefusalCost is what it costs to refuse an attempt, or to drop it from the queue, as a share
	// of the work that it would have been, 0 to 1. The answer comes after that time, and the
	// workers that are busy lose it together: where refusals take all there is, no work gets done
	// (receive livelock: Mogul and Ramakrishnan, "Eliminating Receive Livelock in an Interrupt-
	// Driven Kernel", 1997). Default 0.1. -1: nothing.
	RefusalCost float64
	// Overload makes a refusal an Overload to [resilience.Classify], and not a Transient.
	Overload bool
	// RetryAfter is how long a refusal asks the caller to wait before the next attempt. It needs
	// Overload. 0: it does not ask.
	RetryAfter time.Duration
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
	// Downstream is another server, which this one calls in the course of its work. nil: none.
	Downstream *Downstream
}

// resolve sets the defaults, and notes what is wrong.
func (s *Server) resolve(c *check.Check, field string, scenario *Scenario) {
	if s.Workers < 0 || s.Workers > maxWorkers {
		c.Fail(field+"Workers", s.Workers, "want 1 to %d, or 0 for any number", maxWorkers)
	}
	if s.QueueLimit < -1 {
		c.Fail(field+"QueueLimit", s.QueueLimit, "want a number of places, 0 for no limit, or -1 for none")
	}
	if s.QueueLimit != 0 && s.Workers == 0 {
		c.Fail(field+"QueueLimit", s.QueueLimit, "want 0 where nobody waits: there is a worker for each")
	}
	if s.Queue != nil {
		s.Queue = s.Queue.resolved(c, field+"Queue")
		if s.Workers == 0 {
			c.Fail(field+"Queue", s.Queue, "want nil where nobody waits: there is a worker for each")
		}
	}
	s.RefusalCost = check.Number(c, field+"RefusalCost", s.RefusalCost, check.Range[float64]{Max: 1, Default: 0.1, Off: "for nothing"})
	if s.RetryAfter < 0 || s.RetryAfter > maxFor {
		c.Fail(field+"RetryAfter", s.RetryAfter, "want a positive duration up to %v, or 0 for none", maxFor)
	}
	if s.RetryAfter != 0 && !s.Overload {
		c.Fail(field+"RetryAfter", s.RetryAfter, "want 0 where a refusal is no Overload, or Overload set")
	}
	checkDistribution(c, field+"Service", s.Service)
	if s.PerInFlight < 0 {
		c.Fail(field+"PerInFlight", s.PerInFlight, "want at least 0")
	}
	checkDistribution(c, field+"Hop", s.Hop)
	s.resolveDownstream(c, field, scenario)
}

const maxWorkers = 1_000_000
