package storm

import "time"

// taken is a set of instants, which finds the first that is free even where very many follow each
// other, as after the end of a ctx that many calls share: each instant that is taken says where to
// look next, and whoever went a long way notes the end of it for those after it (a disjoint-set
// forest with path compression: Tarjan, "Efficiency of a Good But Not Linear Set Union Algorithm",
// 1975).
type taken struct {
	next    map[time.Duration]time.Duration // of the same parity
	sweepAt int                             // as many instants
}

// leastSweep is how many instants are worth looking for those that are past.
const leastSweep = 4096

func newTaken() taken {
	return taken{next: map[time.Duration]time.Duration{}, sweepAt: leastSweep}
}

// firstFree is the first instant from t on, in steps of 2, that is not taken.
func (s *taken) firstFree(t time.Duration) time.Duration {
	free := t
	for next, ok := s.next[free]; ok; next, ok = s.next[free] {
		free = next
	}
	for t != free {
		next := s.next[t]
		s.next[t] = free
		t = next
	}
	return free
}

// take takes t, which is free. Those that are past are forgotten from time to time: nobody looks
// for an instant before now.
func (s *taken) take(t, now time.Duration) {
	s.next[t] = t + 2
	if len(s.next) < s.sweepAt {
		return
	}
	for t := range s.next {
		if t <= now {
			delete(s.next, t)
		}
	}
	s.sweepAt = max(leastSweep, 2*len(s.next))
}
