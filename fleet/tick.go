package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
)

// untilNext returns how long it is from one tick to the next. In a storm, no two pods have theirs
// at the same instant.
func untilNext() time.Duration { return chance.Pause(jittered(tick)) }

// jittered returns d, more or less up to a quarter.
func jittered(d time.Duration) time.Duration { return d*3/4 + upTo(d/2) }

// upTo returns a random time below d.
func upTo(d time.Duration) time.Duration { return time.Duration(chance.Uint64N(uint64(d))) }

// errSlow says that the store did not answer within a tick.
var errSlow = errors.New("the store did not answer within a tick")

// errNoNews says that nobody has made a digest that can be used.
var errNoNews = errors.New("the store has no digest that is fresh and of this protocol")

// work does what there is to do in one tick: it reads the breakers, exchanges cells for news, and
// acts on those. It never takes longer than the transport does, and only one is at work at a time.
func (f *Fleet) work(ctx context.Context) {
	defer func() { f.idle <- struct{}{} }()
	defer func() {
		if v := recover(); v != nil { // a transport's
			f.missed(fmt.Errorf("the transport panicked: %v", v))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, 2*tick) // a tick for the news, and one for what follows
	defer cancel()
	began := mono.Now()
	pipelines := f.sources()
	f.members.choice = f.choose()
	gone := append(f.members.find(pipelines), f.pools.find(pipelines)...)
	f.idleness.look(f)
	f.members.read(began)
	f.followOrders(f.members.all)
	f.pools.read(time.Duration(began - f.members.began))
	if len(gone) > 0 {
		_ = f.transport.Withdraw(ctx, f.pod, gone) // else it ends by itself
	}
	posts := append(f.members.posts(), f.pools.posts()...)
	if len(posts) == 0 {
		f.pools.trade(ctx, f)
		f.trouble.over(f)
		f.publish()
		return
	}
	news, err := f.exchange(ctx, posts)
	now := mono.Now()
	switch {
	case err != nil:
	case len(news) != len(posts):
		err = fmt.Errorf("the transport returned %d news for %d rooms", len(news), len(posts))
	case time.Duration(now-began) > tick: // they are of a time that is over
		err = errSlow
	default:
		n := len(f.members.all)
		err = f.hear(ctx, news[:n])
		if wrong := f.pools.hear(ctx, f, news[n:]); err == nil {
			err = wrong
		}
		if err == nil {
			f.pools.trade(ctx, f)
		}
	}
	f.lookAgain()
	if err != nil {
		f.missed(err)
	} else {
		f.trouble.over(f)
	}
	f.publish()
}

// exchange stores the posts and returns the news, if they come within a tick.
func (f *Fleet) exchange(ctx context.Context, posts []Post) ([]News, error) {
	ctx, cancel := context.WithTimeout(ctx, tick)
	defer cancel()
	return f.transport.Exchange(ctx, Exchange{Pod: f.pod, Posts: posts, TTL: cellTTL, Fresh: fresh})
}

// tryWork begins a tick if none is at work. It returns how long it is until the next.
func (f *Fleet) tryWork(ctx context.Context) time.Duration {
	next := untilNext() // before work draws numbers, so that a seed gives the same ones
	if f.skipped++; f.trouble.lasts() && f.skipped < seldom {
		return next
	}
	f.skipped = 0
	select {
	case <-f.idle:
		f.looking = 0
		go f.work(ctx)
	default:
		if f.looking != 0 && mono.Since(f.looking) < tick {
			return chance.Pause(look / 2)
		}
		f.missed(errSlow) // the store has not answered since the last one
	}
	return next
}

// tryLook begins a look if nothing is at work. What is at work else looks as well.
func (f *Fleet) tryLook(ctx context.Context) {
	select {
	case <-f.idle:
		f.looking = mono.Now()
		go f.look(ctx)
	default:
	}
}

// look sees what came of the probes of a pod that holds a lease.
func (f *Fleet) look(ctx context.Context) {
	defer func() { f.idle <- struct{}{} }()
	defer func() { _ = recover() }() // a transport's: the lease ends by itself
	ctx, cancel := context.WithTimeout(ctx, tick)
	defer cancel()
	for _, m := range f.members.all {
		m.look(ctx, f)
	}
	f.lookAgain()
}

// lookAgain has run look again soon, as long as this pod holds a lease.
func (f *Fleet) lookAgain() {
	if !f.members.hold() {
		return
	}
	select {
	case f.holds <- struct{}{}:
	default:
	}
}

// hear acts on the news. It returns the first room's error.
func (f *Fleet) hear(ctx context.Context, news []News) (err error) {
	for i, m := range f.members.all {
		f.heed(ctx, m, &news[i])
		refused, heard := m.hear(&news[i])
		f.trouble.refused.Add(uint64(refused))
		if news[i].Asked && heard == nil {
			_ = f.transport.Digest(ctx, m.room, m.digest.encode()) // else another pod makes one
		}
		if heard == nil {
			m.act(ctx, f, &news[i])
		} else if err == nil {
			err = fmt.Errorf("%s: %w", m.name, heard)
		}
	}
	return err
}

// sources returns the pipelines that are followed now, each once, however often it was named: their
// calls are added up.
func (f *Fleet) sources() (all []*holdfast.Pipeline) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[*holdfast.Pipeline]bool{}
	add := func(p *holdfast.Pipeline) {
		if !seen[p] {
			seen[p] = true
			all = append(all, p)
		}
	}
	for _, followed := range f.follows {
		for name, p := range followed.registry.All() {
			if len(followed.services) == 0 || slices.Contains(followed.services, name) {
				add(p)
			}
		}
	}
	for _, p := range f.pipelines {
		add(p)
	}
	return all
}

// missed takes note of a tick without news.
func (f *Fleet) missed(err error) {
	f.trouble.missed(f, err)
	f.pools.missed()
}
