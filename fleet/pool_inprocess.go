package fleet

import (
	"context"
	"sync/atomic"
	"time"
)

// bucket is what is stored of a room's tokens.
type bucket struct {
	level    int64
	until    time.Time // then it is forgotten
	sessions map[string]session
	purge    time.Time // then sessions are looked through for those to forget
}

// session is what is remembered of a pod's latest request.
type session struct {
	seq, ticket, granted, accepted int64
	until                          time.Time
}

// tickets is how many have been given, by all stores of this process.
var tickets atomic.Int64

// Pool gives and takes tokens.
func (s *inProcess) Pool(ctx context.Context, room string, r PoolRequest) (PoolReply, error) {
	if err := ctx.Err(); err != nil {
		return PoolReply{}, err
	}
	if err := r.Check(); err != nil {
		return PoolReply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room(room).bucket.pool(r, time.Now()), nil
}

func (b *bucket) pool(r PoolRequest, now time.Time) PoolReply {
	b.forget(now)
	was, known := b.sessions[r.Session]
	known = known && now.Before(was.until)
	switch {
	case known && r.Seq == was.seq:
		return PoolReply{was.ticket, was.granted, was.accepted, b.level}
	case known && r.Seq < was.seq:
		return PoolReply{was.ticket, 0, r.Give, b.level}
	case !known:
		was.ticket = tickets.Add(1)
	}
	b.level = min(b.level, r.Cap)
	accepted := r.Give
	if r.Ticket == was.ticket {
		accepted = min(r.Give, r.Cap-b.level)
		b.level += accepted
	}
	granted := min(r.Take, b.level)
	b.level -= granted
	b.until = now.Add(r.Keep)
	if b.sessions == nil {
		b.sessions = map[string]session{}
	}
	b.sessions[r.Session] = session{r.Seq, was.ticket, granted, accepted, b.until}
	if b.purge.IsZero() {
		b.purge = b.until
	}
	return PoolReply{was.ticket, granted, accepted, b.level}
}

// forget forgets what nobody has asked for in a long time.
func (b *bucket) forget(now time.Time) {
	if !now.Before(b.until) {
		b.level = 0
	}
	if b.purge.IsZero() || now.Before(b.purge) {
		return
	}
	b.purge = time.Time{}
	for name, s := range b.sessions {
		if !now.Before(s.until) {
			delete(b.sessions, name)
		} else if b.purge.IsZero() || s.until.Before(b.purge) {
			b.purge = s.until
		}
	}
}
