package fleet

// steady is for how many news in a row a pod waits before it takes a larger part of the floor. By
// then all others have heard that it takes part: a cell is in the digest within a tick, and the
// others hear that one tick later.
const steady = 5

// portion is how a pod arrives at its part of a floor.
type portion struct {
	heard [steady]uint64 // pods with traffic, by the latest news; 0 if there were none
	next  int            // in heard
}

// of returns how many pods share the floor with this one, itself included; 0 if it takes no part
// yet. A pod without traffic takes none. The number rises at once, and falls when it was lower for
// some time, so all parts together are no more than one floor.
func (p *portion) of(traffic bool, speaking uint64) uint64 {
	if !traffic {
		*p = portion{}
		return 0
	}
	p.heard[p.next%steady] = max(speaking, 1)
	p.next++
	if p.next < steady {
		return 0
	}
	most := uint64(1)
	for _, n := range p.heard {
		most = max(most, n)
	}
	return most
}
