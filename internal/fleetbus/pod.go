package fleetbus

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/internal/chance"
)

// pod is the Transport of one pod.
type pod struct {
	bus    *Bus
	number int
	rnd    *rand.Rand // under the bus's lock, as until
	pace   float64    // of its clock, by the store's
	until  time.Time  // it stands still
}

// chances are those of one request.
type chances struct {
	there, back time.Duration
	lost        bool // the request
	unanswered  bool // the answer is lost
	again       bool
	after       time.Duration // the first arrival, the second one comes
}

// draw draws the chances of a request, all of them whatever the others say, so that one that is
// switched off moves none of the others.
func (p *pod) draw() chances {
	p.bus.mu.Lock()
	defer p.bus.mu.Unlock()
	c := &p.bus.config
	takes := func() time.Duration { return c.Delay + time.Duration(p.rnd.ExpFloat64()*float64(c.Jitter)) }
	return chances{
		there: takes(), back: takes(),
		lost: p.rnd.Float64() < c.Lost, unanswered: p.rnd.Float64() < c.Lost,
		again: p.rnd.Float64() < c.Repeated, after: time.Duration(p.rnd.Float64() * float64(c.Late)),
	}
}

// request is what a pod sends: what the store does with it, and how long message and answer are.
type request[T any] struct {
	bytes  int
	do     func(s *store, now time.Time) T
	answer func(T) int
}

// reply is an answer that has come.
type reply[T any] struct {
	is  T
	err error
}

// send sends a request, and waits for the answer or the end of ctx. A request whose sender has left
// arrives all the same.
func send[T any](ctx context.Context, p *pod, r request[T]) (answer T, err error) {
	defer p.standStill()
	p.standStill()
	if err := ctx.Err(); err != nil {
		return answer, err
	}
	c := p.draw()
	answers := make(chan reply[T], 1)
	if !c.lost {
		time.AfterFunc(chance.Pause(c.there), func() {
			got, arrived := arrive(p, r)
			if !arrived {
				return
			}
			if c.again {
				time.AfterFunc(chance.Pause(c.after), func() { arrive(p, r) })
			}
			if !c.unanswered {
				time.AfterFunc(chance.Pause(c.back), func() { answers <- got })
			}
		})
	}
	select {
	case got := <-answers:
		return got.is, got.err
	case <-ctx.Done():
		time.Sleep(chance.Pause(0)) // in a storm, until it is alone at its instant
		return answer, ctx.Err()
	}
}

// arrive is a request's coming to the store, if it does.
func arrive[T any](p *pod, r request[T]) (got reply[T], arrived bool) {
	b := p.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.reached(p.number)
	if s == nil {
		return got, false
	}
	if b.down {
		return reply[T]{err: ErrDown}, true
	}
	b.traffic.Requests++
	b.traffic.In += r.bytes
	got.is = r.do(s, b.now())
	b.traffic.Out += r.answer(got.is)
	return got, true
}

// standStill waits until the pod goes on.
func (p *pod) standStill() {
	for d := p.bus.Paused(p.number); d > 0; d = p.bus.Paused(p.number) {
		time.Sleep(chance.Pause(d))
	}
}

// told is how long a time of the pod's is for the store, and heard the other way round.
func (p *pod) told(d time.Duration) time.Duration  { return time.Duration(float64(d) * p.pace) }
func (p *pod) heard(d time.Duration) time.Duration { return time.Duration(float64(d) / p.pace) }

func nothing[T any](T) int { return 0 }

// Exchange stores the pod's cells and returns the news.
func (p *pod) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	e.TTL, e.Fresh = p.told(e.TTL), p.told(e.Fresh)
	posts := make([]fleet.Post, len(e.Posts))
	size := len(e.Pod)
	for i, post := range e.Posts {
		posts[i] = fleet.Post{Room: post.Room, Cell: bytes.Clone(post.Cell)}
		size += len(post.Room) + len(post.Cell)
	}
	news, err := send(ctx, p, request[[]fleet.News]{
		bytes: size,
		do: func(s *store, now time.Time) []fleet.News {
			news := make([]fleet.News, len(posts))
			for i, post := range posts {
				if err := e.Check(post); err != nil {
					news[i].Err = err
					continue
				}
				news[i] = s.room(post.Room).exchange(&e, post.Cell, now)
			}
			return news
		},
		answer: bytesOf,
	})
	for i := range news {
		p.hear(&news[i])
	}
	return news, err
}

// hear changes the times in news to those of the pod's clock.
func (p *pod) hear(n *fleet.News) {
	n.Age, n.Told.Age = p.heard(n.Age), p.heard(n.Told.Age)
	for i := range n.Cells {
		n.Cells[i].Age = p.heard(n.Cells[i].Age)
	}
	for i := range n.Orders {
		n.Orders[i].Left = p.heard(n.Orders[i].Left)
	}
}

// Look returns the room's news.
func (p *pod) Look(ctx context.Context, room string) (fleet.News, error) {
	news, err := send(ctx, p, request[[]fleet.News]{
		bytes:  len(room),
		do:     func(s *store, now time.Time) []fleet.News { return []fleet.News{s.room(room).look(now)} },
		answer: bytesOf,
	})
	if err != nil {
		return fleet.News{}, err
	}
	p.hear(&news[0])
	return news[0], nil
}

// Order stores an order.
func (p *pod) Order(ctx context.Context, room string, slot int, data []byte, ttl time.Duration) error {
	if err := fleet.CheckOrder(room, slot, data); err != nil {
		return err
	}
	data, ttl = append([]byte{}, data...), p.told(ttl)
	_, err := send(ctx, p, request[struct{}]{
		bytes: len(room) + len(data),
		do: func(s *store, now time.Time) (none struct{}) {
			s.room(room).orders[slot] = order{data, now.Add(ttl)}
			return none
		},
		answer: nothing[struct{}],
	})
	return err
}

// bytesOf is how long news are.
func bytesOf(all []fleet.News) (sum int) {
	for _, n := range all {
		sum += len(n.Digest) + len(n.Holder)
		for _, c := range n.Cells {
			sum += len(c.Data)
		}
		for _, o := range n.Orders {
			sum += len(o.Data)
		}
	}
	return sum
}

// Digest stores a digest.
func (p *pod) Digest(ctx context.Context, room string, digest []byte) error {
	if err := fleet.CheckDigest(room, digest); err != nil {
		return err
	}
	digest = append([]byte{}, digest...)
	_, err := send(ctx, p, request[struct{}]{
		bytes:  len(room) + len(digest),
		do:     func(s *store, now time.Time) (none struct{}) { s.room(room).store(digest, now); return none },
		answer: nothing[struct{}],
	})
	return err
}

// Acquire takes or extends the lease.
func (p *pod) Acquire(ctx context.Context, room, name string, ttl time.Duration) (uint64, error) {
	ttl = p.told(ttl)
	return send(ctx, p, request[uint64]{
		bytes:  len(room) + len(name),
		do:     func(s *store, now time.Time) uint64 { return s.room(room).acquire(name, ttl, now) },
		answer: nothing[uint64],
	})
}

// Tell stores what a holder tells.
func (p *pod) Tell(ctx context.Context, room string, t fleet.Told) error {
	t.Rest = p.told(t.Rest)
	_, err := send(ctx, p, request[struct{}]{
		bytes:  len(room) + len(t.Pod),
		do:     func(s *store, now time.Time) (none struct{}) { s.room(room).tell(t, now); return none },
		answer: nothing[struct{}],
	})
	return err
}

// Pool trades tokens of a pooled budget.
func (p *pod) Pool(ctx context.Context, in string, r fleet.PoolRequest) (fleet.PoolReply, error) {
	type traded struct {
		is  fleet.PoolReply
		err error
	}
	got, err := send(ctx, p, request[traded]{
		bytes: len(in) + len(r.Session),
		do: func(s *store, _ time.Time) (t traded) {
			t.is, t.err = s.pool().Pool(context.Background(), in, r)
			return t
		},
		answer: nothing[traded],
	})
	return got.is, errors.Join(err, got.err)
}

// Release ends the lease if the pod holds it.
func (p *pod) Release(ctx context.Context, in, name string) error {
	return p.remove(ctx, name, []string{in}, (*room).release)
}

// Withdraw removes what the pod has stored.
func (p *pod) Withdraw(ctx context.Context, name string, rooms []string) error {
	return p.remove(ctx, name, rooms, (*room).withdraw)
}

func (p *pod) remove(ctx context.Context, name string, rooms []string, f func(*room, string)) error {
	rooms = append([]string(nil), rooms...)
	size := len(name)
	for _, room := range rooms {
		size += len(room)
	}
	_, err := send(ctx, p, request[struct{}]{
		bytes: size,
		do: func(s *store, _ time.Time) (none struct{}) {
			for _, room := range rooms {
				f(s.room(room), name)
			}
			return none
		},
		answer: nothing[struct{}],
	})
	return err
}
