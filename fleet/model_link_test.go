package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// link is how a pod of the model reaches the store. It does not heed ctx: what is late arrives, and
// is answered, when the model says so.
type link struct {
	Transport // for what the model does not have

	pod    *modelPod
	mode   string        // of the turn: "late", "slow" or "mute" is for its next message
	at     string        // "idle", or what the pod waits for: "asking", "granted" or "denied" on its way, "telling"
	became string        // what became of the latest lease that was asked for, or of what was told
	failed error         // of the exchange
	late   chan struct{} // closed when what is late arrives
	dead   bool
	last   Told // that was accepted
}

var (
	errAway     = errors.New("the store is away")
	errNoAnswer = errors.New("no answer in time")
)

func (l *link) store() (*inProcess, error) {
	if l.dead || !l.pod.world.up || l.pod.cut {
		return nil, errAway
	}
	return l.pod.world.store, nil
}

// wait waits until the model delivers what is late.
func (l *link) wait(at string) {
	l.at = at
	arrives := make(chan struct{})
	l.late = arrives
	<-arrives
}

// deliver delivers what is late.
func (l *link) deliver() {
	close(l.late)
	synctest.Wait()
}

// cutOff is the end of the pod: its messages are lost, and so is what it waits for.
func (l *link) cutOff() {
	l.dead = true
	for l.at != "idle" {
		l.deliver()
	}
}

func (l *link) Exchange(ctx context.Context, e Exchange) (news []News, err error) {
	s, err := l.store()
	if err == nil {
		news, err = s.Exchange(context.WithoutCancel(ctx), e)
	}
	if err == nil && l.mode == "slow" {
		news, err = nil, errNoAnswer
	}
	l.failed = err
	return news, err
}

func (l *link) Digest(ctx context.Context, room string, digest []byte) error {
	s, err := l.store()
	if err != nil || l.mode == "mute" {
		return errAway
	}
	return s.Digest(ctx, room, digest)
}

func (l *link) Acquire(ctx context.Context, room, pod string, ttl time.Duration) (epoch uint64, err error) {
	late := l.mode == "late"
	if late {
		l.mode = ""
		l.wait("asking")
	}
	if s, away := l.store(); away == nil {
		epoch, err = s.Acquire(context.WithoutCancel(ctx), room, pod, ttl)
	} else {
		err = away
	}
	l.became = "denied"
	if epoch != 0 {
		l.became = "granted"
	}
	if late {
		l.wait(l.became)
	}
	l.at = "idle"
	return epoch, err
}

func (l *link) Tell(ctx context.Context, room string, t Told) error {
	if l.mode == "late" {
		l.mode = ""
		l.wait("telling")
	}
	l.at = "idle"
	s, err := l.store()
	if err != nil {
		l.became = "gone"
		return err
	}
	l.became, err = tellStore(context.WithoutCancel(ctx), s, room, t)
	if l.became == "accepted" {
		l.last = t
	}
	return err
}

// tellAgain tells the store once more what it has accepted.
func (l *link) tellAgain() (became string) {
	became, err := tellStore(context.Background(), l.pod.world.store, l.pod.fleet.members.all[0].room, l.last)
	if err != nil {
		return err.Error()
	}
	return became
}

// tellStore returns whether the store took note of t.
func tellStore(ctx context.Context, s *inProcess, room string, t Told) (became string, err error) {
	was := s.room(room).toldAt
	err = s.Tell(ctx, room, t)
	if s.room(room).toldAt.Equal(was) {
		return "ignored", err
	}
	return "accepted", err
}

func (l *link) Release(ctx context.Context, room, pod string) error {
	s, err := l.store()
	if err != nil {
		return err
	}
	return s.Release(ctx, room, pod)
}

func (l *link) Withdraw(ctx context.Context, pod string, rooms []string) error {
	s, err := l.store()
	if err != nil {
		return err
	}
	return s.Withdraw(ctx, pod, rooms)
}

// modelEvent is a line of a trace: "turn 1 lost accepted prompt heard idle | open 0 1". After the
// bar: the pod's breaker, whether the pod takes the lease for its own, and who holds it in the
// store.
type modelEvent struct {
	line        int
	does        string
	pod         int
	words       []string
	at          string
	has         bool
	holder      int
	description string
}

func (e modelEvent) is(word string) bool { return e.words[0] == word }

// ofPod reports whether the event is one of a single pod.
func (e modelEvent) ofPod() bool {
	return e.does != "tick" && e.does != "store" && e.does != "dependency" && e.does != "quiet"
}

// readModel reads a trace.
func readModel(t *testing.T, path string) (events []modelEvent) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		e, err := parseModel(line)
		require.NoError(t, err, "%s:%d", path, i+1)
		e.line = i + 1
		events = append(events, e)
	}
	require.NotEmpty(t, events)
	require.Equal(t, "pods", events[0].does, path)
	return events
}

func parseModel(line string) (e modelEvent, err error) {
	what, state, ok := strings.Cut(line, " | ")
	words := strings.Fields(what)
	if !ok || len(words) < 2 {
		return e, fmt.Errorf("%q; want an event, its pod, what came, | and the state", line)
	}
	e.does, e.words, e.description = words[0], words[2:], line
	if e.pod, err = strconv.Atoi(words[1]); err != nil {
		return e, fmt.Errorf("%q: %w", line, err)
	}
	has := 0
	if _, err := fmt.Sscan(state, &e.at, &has, &e.holder); err != nil {
		return e, fmt.Errorf("%q: %w", line, err)
	}
	e.has = has == 1
	return e, nil
}
