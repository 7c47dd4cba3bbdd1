package fleet

import "time"

// The protocol counts outcomes by slots, each of them half a second long, and up to ten seconds
// back. The newest slot is the first.
const (
	slotLength = 500 * time.Millisecond
	slotCount  = 20
)

// outcomes are what came of calls.
type outcomes struct{ successes, failures uint64 }

func (o outcomes) total() uint64 { return o.successes + o.failures }

func (o *outcomes) add(other outcomes) {
	o.successes += other.successes
	o.failures += other.failures
}

// slots are outcomes by their age, the newest first.
type slots [slotCount]outcomes

// within returns the sum of the slots that are not older than d, at least the newest.
func (s *slots) within(d time.Duration) (sum outcomes) {
	n := max(1, min(slotCount, int(min(d, slotCount*slotLength)/slotLength)))
	for _, o := range s[:n] {
		sum.add(o)
	}
	return sum
}

// older returns s as it is after a time, without what is forgotten by then.
func (s *slots) older(age time.Duration) (is slots) {
	by := int(min(max(age, 0), slotCount*slotLength) / slotLength)
	copy(is[by:], s[:slotCount-by])
	return is
}

// used returns how many slots there are up to the oldest that is not empty.
func (s *slots) used() int {
	n := slotCount
	for n > 0 && s[n-1] == (outcomes{}) {
		n--
	}
	return n
}

// history is what one breaker counted, by the time at which it was read.
type history struct {
	slots slots
	began int64 // which slot the newest is, from the fleet's start
}

// add adds what was counted up to a time, since the fleet's start, to the slot of that time.
func (h *history) add(at time.Duration, o outcomes) {
	if turn := int64(at / slotLength); turn > h.began {
		h.slots = h.slots.older(time.Duration(min(turn-h.began, slotCount)) * slotLength)
		h.began = turn
	}
	h.slots[0].add(o)
}
