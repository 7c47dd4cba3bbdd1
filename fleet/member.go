package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast"
	adviser "github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// member is a breaker that the fleet follows. It belongs to the tick at work.
type member struct {
	name, room string
	breaker    *breaker.Breaker // the latest of those that share the hook's state
	hook       adviser.Breaker
	reader     adviser.Reader
	pipelines  []*holdfast.Pipeline // that the breaker stands in

	numbers numbers
	openFor time.Duration
	gradual bool          // its pauses follow its failures: it has a MinOpenFor
	longest time.Duration // that the fleet keeps it from probing
	reading adviser.Reading
	history history
	view    ownView
	digest  digest
	heardAt mono.Time
	age     time.Duration // of the news when they were heard
	holder  string        // of the lease, when they were heard

	probing probing
}

// members are what a fleet follows, sorted by nothing but the order in which they were found.
type members struct {
	fleet  string
	choice choice
	began  mono.Time
	all    []*member
}

// rooms returns the rooms of all.
func (s *members) rooms() []string {
	rooms := make([]string, len(s.all))
	for i, m := range s.all {
		rooms[i] = m.room
	}
	return rooms
}

// find makes the members those of the pipelines' breakers that are chosen. It returns the rooms
// that are no longer used.
func (s *members) find(pipelines []*holdfast.Pipeline) (gone []string) {
	was := map[adviser.Breaker]*member{}
	for _, m := range s.all {
		was[m.hook] = m
		m.pipelines = m.pipelines[:0]
	}
	var all []*member
	for _, p := range pipelines {
		for _, b := range s.choice.breakersOf(p) {
			hook, ok := adviser.Of(b)
			if !ok {
				continue
			}
			m := was[hook]
			if m == nil {
				m = &member{hook: hook, reader: hook.Reader()}
				m.probing = newProbing()
				was[hook] = m
			}
			if len(m.pipelines) == 0 {
				all = append(all, m)
			}
			m.pipelines = append(m.pipelines, p)
			m.configure(b)
		}
	}
	for _, m := range s.all {
		if len(m.pipelines) == 0 {
			gone = append(gone, m.room)
		}
	}
	s.all = all
	s.name()
	return slices.DeleteFunc(gone, func(room string) bool { return slices.Contains(s.rooms(), room) })
}

// configure takes the numbers of b.
func (m *member) configure(b *breaker.Breaker) {
	m.breaker = b
	c := b.Config()
	m.numbers, m.openFor, m.gradual = numbersOf(c), c.OpenFor, c.MinOpenFor > 0
	m.longest = max(longestHold, 10*min(c.MaxOpenFor, time.Hour))
}

// name gives each member without a name that of its breaker. If another has it, the pipeline's
// comes before it, and a number after it if that is taken as well.
func (s *members) name() {
	taken := map[string]bool{}
	for _, m := range s.all {
		if m.name != "" {
			taken[m.name] = true
		}
	}
	for _, m := range s.all {
		if m.name != "" {
			continue
		}
		name := m.breaker.Config().Name
		if name == "" || taken[name] {
			name = m.pipelines[0].Name() + "/" + name
		}
		m.name = name
		for i := 2; taken[m.name]; i++ {
			m.name = name + "#" + strconv.Itoa(i)
		}
		taken[m.name] = true
		m.room = roomOf(s.fleet, m.name)
	}
}

// maxRoom is the most bytes of a service's name in that of its room.
const maxRoom = 200

// roomOf returns the name of a service's room. No fleet's name has a slash.
func roomOf(fleet, service string) string {
	if len(service) > maxRoom {
		hash := sha256.Sum256([]byte(service))
		service = service[:maxRoom-33] + "#" + hex.EncodeToString(hash[:16])
	}
	return fleet + "/" + service
}

// read reads all breakers.
func (s *members) read(now mono.Time) {
	if s.began == 0 {
		s.began = now
	}
	for _, m := range s.all {
		m.view.succeeded = false
		m.read(now, time.Duration(now-s.began))
	}
}

// read reads the breaker, which may be more than once in a tick.
func (m *member) read(now mono.Time, passed time.Duration) {
	was := m.reading
	m.reading = m.reader.Read()
	came := outcomes{m.reading.Successes, m.reading.Failures}
	m.history.add(passed, came)
	m.view.slots = m.history.slots
	m.view.succeeded = m.view.succeeded || came.successes > 0
	m.view.row = m.reading.Row > 0
	m.probing.changed(was, m.reading, now)
}

// posts returns what the pod says of itself.
func (s *members) posts() []Post {
	posts := make([]Post, len(s.all))
	for i, m := range s.all {
		c := cell{state: m.reading.State, failing: m.view.failing(&m.numbers), slots: m.view.slots}
		posts[i] = Post{Room: m.room, Cell: c.encode()}
	}
	return posts
}

// hear takes the news of the member's room, if they can be used. It returns how many cells and
// digests are none of this protocol.
func (m *member) hear(n *News) (refused int, err error) {
	if refused, err = m.digest.hear(n); err != nil {
		return refused, err
	}
	m.age = 0
	if !n.Asked {
		m.age = max(n.Age, 0)
	}
	m.heardAt, m.holder = mono.Now(), n.Holder
	return refused, nil
}

// traffic returns how many calls came to the breaker's pipelines, over all time.
func (m *member) traffic() (calls uint64) {
	for _, p := range m.pipelines {
		begun, _, _ := adviser.Traffic(p)
		calls += begun
	}
	return calls
}

// decide opens the breaker if the fleet's outcomes say so.
func (m *member) decide() (opened bool) {
	if m.reading.State != resilience.StateClosed {
		return false
	}
	why := decide(&m.numbers, &m.view, &m.digest)
	return why != nil && m.hook.Open(why)
}

// hold reports whether the pod holds the lease of any.
func (s *members) hold() bool {
	return slices.ContainsFunc(s.all, func(m *member) bool { return m.probing.epoch != 0 })
}
