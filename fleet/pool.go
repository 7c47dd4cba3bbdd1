package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast"
	adviser "github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// pool is a budget whose tokens the pods share. It belongs to the tick at work.
type pool struct {
	name, room string
	budget     *budget.Budget
	bank       adviser.Bank
	pipelines  []*holdfast.Pipeline // that the budget stands in

	account account
	history history // of calls, as successes
	digest  digest
	portion portion
	sharers uint64 // of the floor, as it is; 1 if it is whole
	silent  int    // ticks without news in a row

	ticket    int64     // of the store's latest reply; 0 if there was none
	notBefore mono.Time // it asks again
	stats     PoolStats // but for what is read anew
}

// pools are the budgets of a fleet.
type pools struct {
	fleet, session string
	seq            int64 // of the latest request
	all            []*pool

	silent atomic.Int64 // ticks without any news in a row
	mu     sync.Mutex   // guards what follows, since floors are made whole while the store holds up a tick
	banks  []adviser.Bank
	left   bool // floors are divided no more
}

// open prepares for a fleet.
func (s *pools) open(fleet string) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: see its documentation
	s.fleet, s.session = fleet, hex.EncodeToString(id[:])
}

// find makes the pools those budgets of the pipelines that have Fleet set. It returns the rooms
// that are no longer used.
func (s *pools) find(pipelines []*holdfast.Pipeline) (gone []string) {
	was := map[adviser.Bank]*pool{}
	for _, p := range s.all {
		was[p.bank] = p
		p.pipelines = p.pipelines[:0]
	}
	var all []*pool
	for _, pipeline := range pipelines {
		b := pipeline.Budget()
		if b == nil || !b.Config().Fleet {
			continue
		}
		bank, ok := adviser.BankOf(b)
		if !ok {
			continue
		}
		p := was[bank]
		if p == nil {
			p = &pool{budget: b, bank: bank, sharers: 1, notBefore: longAgo}
			was[bank] = p
		}
		if len(p.pipelines) == 0 {
			all = append(all, p)
		}
		p.pipelines = append(p.pipelines, pipeline)
	}
	for _, p := range s.all {
		if len(p.pipelines) == 0 {
			s.share(p, 1)
			gone = append(gone, p.room)
		}
	}
	s.all = all
	s.name()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.banks = s.banks[:0]
	for _, p := range s.all {
		s.banks = append(s.banks, p.bank)
	}
	return slices.DeleteFunc(gone, func(room string) bool { return slices.Contains(s.rooms(), room) })
}

// name gives each pool without a name that of its first pipeline, with a number if another has it.
func (s *pools) name() {
	taken := map[string]bool{}
	for _, p := range s.all {
		if p.name != "" {
			taken[p.name] = true
		}
	}
	for _, p := range s.all {
		if p.name != "" {
			continue
		}
		p.name = p.pipelines[0].Name()
		for i := 2; taken[p.name]; i++ {
			p.name = p.pipelines[0].Name() + "#" + strconv.Itoa(i)
		}
		taken[p.name] = true
		p.room = poolOf(s.fleet, p.name)
		p.stats.Name = p.name
		calls, failed := p.traffic()
		p.account = newAccount(p.budget.Config(), p.budget.Stats(), calls, failed)
	}
}

// poolOf returns the name of a budget's room. That of a breaker never begins with a slash, since no
// fleet's name does.
func poolOf(fleet, service string) string { return "/" + roomOf(fleet, service) }

// rooms returns the rooms of all.
func (s *pools) rooms() []string {
	rooms := make([]string, len(s.all))
	for i, p := range s.all {
		rooms[i] = p.room
	}
	return rooms
}

// traffic returns how many calls of the pipelines have ended, and how many of those failed, over
// all time.
func (p *pool) traffic() (calls, failed uint64) {
	for _, pipeline := range p.pipelines {
		_, ended, lost := adviser.Traffic(pipeline)
		calls, failed = calls+ended, failed+lost
	}
	return calls, failed
}

// read reads all budgets. passed is the time since the fleet began.
func (s *pools) read(passed time.Duration) {
	for _, p := range s.all {
		was := p.account.calls
		calls, failed := p.traffic()
		p.account.read(p.budget.Config(), p.budget.Stats(), calls, failed)
		p.history.add(passed, outcomes{successes: rise(was, calls)})
	}
}

// divided returns the pools that have a floor to divide.
func (s *pools) divided() (all []*pool) {
	for _, p := range s.all {
		if p.account.config.Floor > 0 {
			all = append(all, p)
		}
	}
	return all
}

// posts returns what the pod says of the traffic of budgets with a floor. Others need no news.
func (s *pools) posts() (posts []Post) {
	for _, p := range s.divided() {
		c := cell{slots: p.history.slots}
		posts = append(posts, Post{Room: p.room, Cell: c.encode()})
	}
	return posts
}

// hear takes the news of the rooms of posts, in their order, and divides the floors. It returns the
// first room's error.
func (s *pools) hear(ctx context.Context, f *Fleet, news []News) (err error) {
	s.silent.Store(0)
	for i, p := range s.divided() {
		refused, heard := p.digest.hear(&news[i])
		f.trouble.refused.Add(uint64(refused))
		if heard != nil {
			if p.silent++; p.silent >= apart {
				p.portion = portion{}
				s.share(p, 1)
			}
			if err == nil {
				err = fmt.Errorf("the budget of %s: %w", p.name, heard)
			}
			continue
		}
		p.silent = 0
		if news[i].Asked {
			_ = f.transport.Digest(ctx, p.room, p.digest.encode()) // else another pod makes one
		}
		s.share(p, p.portion.of(p.history.slots.used() > 0, p.digest.speaking))
	}
	return err
}

// share divides a floor among so many pods.
func (s *pools) share(p *pool, sharers uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.left {
		p.bank.ShareFloor(sharers)
		p.sharers = sharers
	}
}

// missed takes note of a tick without news. After the third in a row every floor is whole. It may
// be called while a tick is at work, which the store holds up.
func (s *pools) missed() {
	if s.silent.Add(1) >= apart {
		s.restore(false)
	}
}

// restore makes every floor whole, for good if the pod leaves.
func (s *pools) restore(left bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = s.left || left
	for _, b := range s.banks {
		b.ShareFloor(1)
	}
}

// trade moves tokens, for each pool that has some to give, or needs some.
func (s *pools) trade(ctx context.Context, f *Fleet) {
	for _, p := range s.all {
		now := mono.Now()
		if ctx.Err() != nil {
			return
		}
		if now < p.notBefore {
			continue
		}
		take := p.account.wants()
		give := p.account.spares(now)
		if take > 0 || give > 0 || p.account.surplus > 0 {
			s.move(ctx, f, p, give, take)
		}
	}
}

// move makes one request. What it gives is gone if there is no answer, since the store may have it.
func (s *pools) move(ctx context.Context, f *Fleet, p *pool, give, take int64) {
	a := &p.account
	if p.ticket > 0 {
		give = p.bank.Take(give) + a.surplus
		a.surplus = 0
	} else { // what it gave would be lost
		give = 0
	}
	s.seq++
	r := PoolRequest{Session: s.session, Seq: s.seq, Ticket: p.ticket, Give: give, Take: take, Cap: int64(a.config.Burst), Keep: keep}
	p.stats.Lost += uint64(give) // unless there is an answer
	var reply PoolReply
	err := answered(func() (err error) { reply, err = f.transport.Pool(ctx, p.room, r); return err })
	now := mono.Now()
	if err != nil {
		p.stats.Why = foreign.Text(err)
		p.ticket, p.notBefore = 0, now.Add(pause) // nothing is lost before it answers again
		return
	}
	reply = r.trusted(reply)
	p.ticket, p.stats.Why = reply.Ticket, ""
	p.bank.Put(give - reply.Accepted)
	put := p.bank.Put(reply.Granted)
	a.settled(r, reply, put, now)
	p.stats.Lost -= uint64(give)
	p.stats.Given += uint64(reply.Accepted)
	p.stats.Leased += uint64(reply.Granted)
	p.stats.Level = reply.Level
}

// leave gives back what is leased and not used.
func (s *pools) leave(ctx context.Context, f *Fleet) {
	for _, p := range s.all {
		if p.account.leased+p.account.surplus > 0 && p.ticket > 0 && ctx.Err() == nil {
			s.move(ctx, f, p, p.account.leased, 0)
		}
	}
}
