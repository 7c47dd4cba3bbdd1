package fleet_test

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/fleet"
)

// moody is a Transport of which every answer may be any nonsense, late, or a panic.
type moody struct {
	fleet.Transport
	off atomic.Bool
}

// mood does to an answer what it is in the mood for.
func (m *moody) mood(ctx context.Context) error {
	if m.off.Load() {
		return nil
	}
	switch rand.IntN(24) {
	case 0:
		panic("a transport's bug")
	case 1:
		return errStore
	case 2:
		return panicky{}
	case 3:
		<-ctx.Done()
		return ctx.Err()
	case 4:
		time.Sleep(rand.N(2 * time.Second)) // does not heed ctx
	default:
		time.Sleep(rand.N(20 * time.Millisecond))
	}
	return nil
}

func anyAge() time.Duration {
	return []time.Duration{math.MinInt64, -time.Hour, -1, 0, 1, time.Hour, math.MaxInt64}[rand.IntN(7)]
}

func anyBytes() []byte {
	b := make([]byte, rand.IntN(700))
	for i := range b {
		b[i] = byte(rand.IntN(3))
	}
	return b
}

// lie changes news into what no store has.
func lie(n *fleet.News) {
	switch rand.IntN(30) {
	case 0:
		*n = fleet.News{}
	case 1:
		n.Err = errStore
	case 2:
		n.Asked, n.Digest, n.Age = false, anyBytes(), anyAge()
	case 3:
		n.Asked, n.Cells = true, []fleet.Cell{{Age: anyAge(), Data: anyBytes()}, {Age: anyAge()}}
	case 4:
		n.Told = fleet.Told{Epoch: rand.Uint64(), Good: rand.IntN(2) == 0, Age: anyAge()}
	case 5:
		n.Holder, n.Refused = string(anyBytes()), -1
	case 6:
		n.Orders = append(n.Orders, fleet.StoredOrder{Slot: rand.IntN(9) - 3, Left: anyAge(), Data: anyBytes()})
	}
}

func (m *moody) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	if err := m.mood(ctx); err != nil {
		return nil, err
	}
	news, err := m.Transport.Exchange(ctx, e)
	if m.off.Load() {
		return news, err
	}
	for i := range news {
		lie(&news[i])
	}
	return news[:len(news)-min(len(news), max(0, rand.IntN(30)-28))], err
}

func (m *moody) Digest(ctx context.Context, room string, digest []byte) error {
	if err := m.mood(ctx); err != nil {
		return err
	}
	return m.Transport.Digest(ctx, room, digest)
}

func (m *moody) Acquire(ctx context.Context, room, pod string, ttl time.Duration) (uint64, error) {
	if err := m.mood(ctx); err != nil {
		return rand.Uint64(), err
	}
	return m.Transport.Acquire(ctx, room, pod, ttl)
}

func (m *moody) Tell(ctx context.Context, room string, t fleet.Told) error {
	if err := m.mood(ctx); err != nil {
		return err
	}
	return m.Transport.Tell(ctx, room, t)
}

func (m *moody) Withdraw(ctx context.Context, pod string, rooms []string) error {
	if err := m.mood(ctx); err != nil {
		return err
	}
	return m.Transport.Withdraw(ctx, pod, rooms)
}

func (m *moody) Look(ctx context.Context, room string) (fleet.News, error) {
	err := m.mood(ctx)
	news, _ := m.Transport.Look(ctx, room)
	lie(&news)
	return news, err
}

func (m *moody) Pool(ctx context.Context, room string, r fleet.PoolRequest) (fleet.PoolReply, error) {
	if err := m.mood(ctx); err != nil {
		return fleet.PoolReply{Granted: math.MaxInt64}, err
	}
	reply, err := m.Transport.Pool(ctx, room, r)
	if !m.off.Load() && rand.IntN(8) == 0 {
		reply = fleet.PoolReply{Ticket: rand.Int64(), Granted: -rand.Int64(), Accepted: rand.Int64(), Level: -1}
	}
	return reply, err
}
