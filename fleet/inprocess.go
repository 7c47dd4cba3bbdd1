package fleet

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// InProcess returns a Transport in this process's memory: for tests, and for demonstrations with
// several pods in one program. It starts no goroutine.
func InProcess() Transport { return &inProcess{rooms: map[string]*room{}} }

type inProcess struct {
	mu    sync.Mutex
	rooms map[string]*room
}

// room is what is stored of one.
type room struct {
	cells   map[string]stored // by pod
	digest  stored
	asked   time.Time // for the next digest
	holder  string
	expires time.Time // the lease
	epoch   uint64    // of the latest lease
	told    Told
	toldAt  time.Time
	orders  [MaxOrders]stored
}

type stored struct {
	data  []byte
	at    time.Time
	until time.Time
}

// room returns the room of a name. The caller holds mu.
func (s *inProcess) room(name string) *room {
	r := s.rooms[name]
	if r == nil {
		r = &room{cells: map[string]stored{}}
		s.rooms[name] = r
	}
	return r
}

// Exchange stores the pod's cells and returns the news.
func (s *inProcess) Exchange(ctx context.Context, e Exchange) ([]News, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	news := make([]News, len(e.Posts))
	for i, post := range e.Posts {
		if err := e.Check(post); err != nil {
			news[i].Err = err
			continue
		}
		news[i] = s.room(post.Room).exchange(e, post, time.Now())
	}
	return news, nil
}

// exchange stores a cell and returns the room's news.
func (r *room) exchange(e Exchange, post Post, now time.Time) (news News) {
	r.cells[e.Pod] = stored{bytes.Clone(post.Cell), now, now.Add(e.TTL)}
	news = r.news(now)
	if (news.Digest != nil && news.Age < e.Fresh) || now.Before(r.asked.Add(e.Fresh)) {
		return news
	}
	r.asked, news.Asked = now, true
	if len(r.cells) > MaxCells {
		news.Refused = len(r.cells) - 1
		r.cells = map[string]stored{e.Pod: r.cells[e.Pod]}
	}
	for pod, c := range r.cells {
		if !now.Before(c.until) {
			delete(r.cells, pod)
			continue
		}
		news.Cells = append(news.Cells, Cell{Age: now.Sub(c.at), Data: bytes.Clone(c.data)})
	}
	return news
}

// Digest stores a digest.
func (s *inProcess) Digest(ctx context.Context, room string, digest []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := CheckDigest(room, digest); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room(room).digest = stored{data: append([]byte{}, digest...), at: time.Now()}
	return nil
}

// Acquire takes or extends the lease.
func (s *inProcess) Acquire(ctx context.Context, room, pod string, ttl time.Duration) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, now := s.room(room), time.Now()
	switch held := now.Before(r.expires); {
	case held && (r.holder != pod || r.told.Epoch == r.epoch): // it has told already: the lease rests
		return 0, nil
	case !held:
		r.epoch++
	}
	r.holder, r.expires = pod, now.Add(ttl)
	return r.epoch, nil
}

// Tell stores what a holder tells.
func (s *inProcess) Tell(ctx context.Context, room string, t Told) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, now := s.room(room), time.Now()
	if t.Epoch == 0 || t.Epoch != r.epoch || r.told.Epoch == t.Epoch {
		return nil
	}
	r.told, r.toldAt = Told{Epoch: t.Epoch, Good: t.Good}, now
	r.holder, r.expires = "", time.Time{}
	if !t.Good && t.Rest > 0 {
		r.holder, r.expires = t.Pod, now.Add(t.Rest)
	}
	return nil
}

// Release ends the lease if the pod holds it.
func (s *inProcess) Release(ctx context.Context, room, pod string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room(room).release(pod)
	return nil
}

func (r *room) release(pod string) {
	if r.holder == pod {
		r.holder, r.expires = "", time.Time{}
	}
}

// Withdraw removes what the pod has stored.
func (s *inProcess) Withdraw(ctx context.Context, pod string, rooms []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range rooms {
		r := s.room(name)
		delete(r.cells, pod)
		r.release(pod)
	}
	return nil
}
