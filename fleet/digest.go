package fleet

import (
	"encoding/binary"
	"time"
)

// digest is what all cells of a room say together.
type digest struct {
	pods     uint64 // that have a cell
	speaking uint64 // of them, that have outcomes
	failing  uint64 // of those, that say that they are failing
	open     uint64 // of the pods, whose breakers are open or half-open
	slots    slots
}

// sum makes a digest of cells. It leaves out those that are none of this protocol, and returns how
// many these are.
func sum(cells []Cell) (d digest, refused int) {
	for _, stored := range cells[:min(len(cells), MaxCells)] {
		c, err := decodeCell(stored.Data)
		if err != nil {
			refused++
			continue
		}
		d.add(&c, max(stored.Age, 0))
	}
	return d, refused + max(0, len(cells)-MaxCells)
}

// add adds a cell that was stored some time ago.
func (d *digest) add(c *cell, age time.Duration) {
	d.pods++
	if shut(c.state) {
		d.open++
	}
	aged := c.slots.older(age)
	all := aged.within(slotCount * slotLength)
	if all.total() == 0 {
		return
	}
	d.speaking++
	if c.failing && all.failures > 0 {
		d.failing++
	}
	for i, o := range aged {
		d.slots[i].add(o)
	}
}

// older returns d as it is after a time.
func (d digest) older(age time.Duration) digest {
	d.slots = d.slots.older(age)
	return d
}

// maxSum is the most outcomes of a slot in a digest.
const maxSum = MaxCells * maxOutcomes

// encode returns the digest as a pod stores it. It has at most MaxDigest bytes.
func (d *digest) encode() []byte {
	b := make([]byte, 0, 128)
	b = append(b, protocol)
	for _, n := range [...]uint64{d.pods, d.speaking, d.failing, d.open} {
		b = binary.AppendUvarint(b, n)
	}
	return appendSlots(b, &d.slots, maxSum)
}

// decodeDigest reads a digest that somebody wrote.
func decodeDigest(data []byte) (d digest, err error) {
	if len(data) < 1 || len(data) > MaxDigest || data[0] != protocol {
		return digest{}, errForeign
	}
	r := reader{rest: data[1:]}
	d.pods = r.number(MaxCells)
	d.speaking = r.number(d.pods)
	d.failing = r.number(d.speaking)
	d.open = r.number(d.pods)
	r.slots(&d.slots, maxSum)
	if r.bad {
		return digest{}, errForeign
	}
	return d, nil
}
