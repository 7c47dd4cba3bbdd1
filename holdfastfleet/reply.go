package holdfastfleet

import (
	"errors"
	"math"
	"time"

	"github.com/media-gateway/holdfast/fleet"
)

// errReply says that the store answered what no script of this package does.
var errReply = errors.New("holdfastfleet: the store's answer is none of this protocol")

// newsOf reads the reply of exchangeScript.
func newsOf(reply any, err error) (n fleet.News) {
	if err != nil {
		return fleet.News{Err: err}
	}
	elements, _ := reply.([]any)
	r := reader{rest: elements}
	age, digest := r.number(-1, maxMillis), r.text()
	n.Asked = r.number(0, 1) == 1
	n.Refused, n.Holder = int(r.number(0, math.MaxInt32)), r.text()
	told := fleet.Told{Epoch: uint64(r.number(0, 1<<53)), Good: r.number(0, 1) == 1, Age: r.age()}
	if told.Epoch > 0 {
		n.Told = told
	}
	if age >= 0 {
		n.Digest, n.Age = []byte(digest), time.Duration(age)*time.Millisecond
	}
	if n.Asked || len(r.rest) > 0 {
		n.Cells = r.cells()
	}
	if len(r.rest) > 0 {
		n.Orders = r.orders()
	}
	if r.bad {
		return fleet.News{Err: errReply}
	}
	return n
}

// cells reads the cells of a reply, each of them an age and bytes.
func (r *reader) cells() (all []fleet.Cell) {
	list := reader{rest: r.array()}
	for len(list.rest) > 0 {
		all = append(all, fleet.Cell{Age: list.age(), Data: []byte(list.text())})
	}
	r.bad = r.bad || list.bad
	return all
}

// maxMillis is the longest time that a Duration can hold.
const maxMillis = math.MaxInt64 / int64(time.Millisecond)

// reader reads a reply element by element. Once something is wrong it is bad, and what it returns
// is of no use.
type reader struct {
	rest []any
	bad  bool
}

func (r *reader) next() (element any) {
	if len(r.rest) == 0 {
		r.bad = true
		return nil
	}
	element, r.rest = r.rest[0], r.rest[1:]
	return element
}

// number reads a whole number from least to most.
func (r *reader) number(least, most int64) int64 {
	n, ok := r.next().(int64)
	if !ok || n < least || n > most {
		r.bad = true
		return 0
	}
	return n
}

// age reads a time in milliseconds.
func (r *reader) age() time.Duration { return time.Duration(r.number(0, maxMillis)) * time.Millisecond }

func (r *reader) text() string {
	s, ok := r.next().(string)
	r.bad = r.bad || !ok
	return s
}

func (r *reader) array() []any {
	a, ok := r.next().([]any)
	r.bad = r.bad || !ok
	return a
}
