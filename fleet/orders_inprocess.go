package fleet

import (
	"bytes"
	"context"
	"time"
)

// Order stores an order.
func (s *inProcess) Order(ctx context.Context, room string, slot int, order []byte, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := CheckOrder(room, slot, order); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.room(room).orders[slot] = stored{append([]byte{}, order...), now, now.Add(ttl)}
	return nil
}

// Look returns the room's news.
func (s *inProcess) Look(ctx context.Context, room string) (News, error) {
	if err := ctx.Err(); err != nil {
		return News{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[room]
	if r == nil {
		return News{}, nil
	}
	return r.news(time.Now()), nil
}

// news returns what there is in the room, its cells left out.
func (r *room) news(now time.Time) (news News) {
	if now.Before(r.expires) {
		news.Holder = r.holder
	}
	if r.told.Epoch != 0 {
		news.Told = r.told
		news.Told.Age = now.Sub(r.toldAt)
	}
	if r.digest.data != nil {
		news.Digest, news.Age = bytes.Clone(r.digest.data), now.Sub(r.digest.at)
	}
	for slot, o := range r.orders {
		if o.data != nil && now.Before(o.until) {
			news.Orders = append(news.Orders, StoredOrder{Slot: slot, Left: o.until.Sub(now), Data: bytes.Clone(o.data)})
		}
	}
	return news
}
