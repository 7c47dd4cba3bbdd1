package fleet

import (
	"encoding/binary"
	"errors"

	"github.com/media-gateway/holdfast/resilience"
)

// protocol is the version of cells and digests, their first byte. A later version that only adds
// something appends it: what follows the fields of this version is not read. One that changes
// something has another number, and its cells count as refused.
const protocol = 1

// maxOutcomes is the most outcomes of a slot in a cell. A pod that has more says so many.
const maxOutcomes = 1_000_000_000

// cell is what a pod says of itself.
type cell struct {
	state   resilience.State // of its breaker
	failing bool             // by its own numbers, or it has failures and no success: see ownView.failing
	slots   slots
}

// encode returns the cell as a pod stores it. It has at most MaxCell bytes.
func (c *cell) encode() []byte {
	b := make([]byte, 0, 64)
	flags := byte(c.state&3) << 1
	if c.failing {
		flags |= 1
	}
	b = append(b, protocol, flags)
	return appendSlots(b, &c.slots, maxOutcomes)
}

// errForeign says that a cell or digest is none of this protocol.
var errForeign = errors.New("none of this protocol")

// decodeCell reads a cell that somebody wrote.
func decodeCell(data []byte) (c cell, err error) {
	if len(data) < 2 || len(data) > MaxCell || data[0] != protocol {
		return cell{}, errForeign
	}
	r := reader{rest: data[2:]}
	c.state, c.failing = resilience.State(data[1]>>1&3), data[1]&1 != 0
	r.slots(&c.slots, maxOutcomes)
	if r.bad {
		return cell{}, errForeign
	}
	return c, nil
}

// appendSlots appends how many slots follow, and the successes and failures of each.
func appendSlots(b []byte, s *slots, most uint64) []byte {
	n := s.used()
	b = binary.AppendUvarint(b, uint64(n))
	for _, o := range s[:n] {
		b = binary.AppendUvarint(b, min(o.successes, most))
		b = binary.AppendUvarint(b, min(o.failures, most))
	}
	return b
}

// reader reads what somebody wrote. Once something is wrong it is bad, and what it returns is of no
// use.
type reader struct {
	rest []byte
	bad  bool
}

// number reads a number up to most.
func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > most {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// slots reads slots, whose counts are at most most.
func (r *reader) slots(s *slots, most uint64) {
	for i := range r.number(slotCount) {
		s[i] = outcomes{r.number(most), r.number(most)}
	}
}
