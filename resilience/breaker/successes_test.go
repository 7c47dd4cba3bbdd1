package breaker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/stripes"
)

// windowOf returns a window of units, a thousand of them for each bucket.
func windowOf(buckets int, c Config) *window {
	c.Window, c.Buckets = time.Duration(buckets)*1000, buckets
	n := c.numbers()
	return newWindow(ruled(&n), 0, false)
}

// splitNow makes w as it is after lostRaces.
func splitNow(w *window) {
	w.successes.patience.Store(1)
	w.successes.lost()
}

// No outcome is lost or counted twice where one turn follows another, whoever calls at once, before
// the words are split, after, and while they are.
func TestNoOutcomeIsLostAtATurn(t *testing.T) {
	const callers, calls = 8, 2000
	for _, buckets := range []int{1, 4, 10, 33, 64} {
		for name, prepare := range map[string]func(*window){
			"one word for each": func(w *window) { w.successes.patience.Store(0) },
			"split":             splitNow,
			"while it splits":   func(w *window) { w.successes.patience.Store(2) },
		} {
			w := windowOf(buckets, Config{MinRequests: 1 << 30, FailureRatio: 1})
			prepare(w)
			turns := 2*buckets + 1 // the words' turns follow each other twice
			remembered := func(turn int) bool { return turn > turns-1-buckets }
			var wg sync.WaitGroup
			for caller := range callers {
				wg.Go(func() {
					for i := range calls {
						began := mono.Time(i*turns/calls*1000 + caller)
						switch i % 8 {
						case 0:
							w.add(failure, false, began, began, nil)
						case 1:
							w.add(excluded, false, began, began, nil)
						default:
							w.success(began)
						}
					}
				})
			}
			wg.Wait()
			var want Counts
			for i := range calls {
				if !remembered(i * turns / calls) {
					continue
				}
				switch i % 8 {
				case 0:
					want.Failures += callers
				case 1:
					want.Excluded += callers
				default:
					want.Successes += callers
				}
			}
			is := w.counts(mono.Time(turns*1000 - 1))
			require.Equal(t, want, Counts{Successes: is.Successes, Failures: is.Failures, Excluded: is.Excluded}, "%d buckets, %s", buckets, name)
		}
	}
}

// The last outcome of those that open a breaker opens it, whichever that is, and however many come
// at once. One more success, and it stays closed.
func TestWhoeverIsLastDecides(t *testing.T) {
	for round := range 500 {
		for _, more := range []int{0, 1} {
			w := windowOf(10, Config{FailureRatio: 0.5, MinRequests: 20 + more})
			if round%2 == 0 {
				splitNow(w)
			}
			opened := race(w, 10, 10+more, mono.Time(round%3)*500)
			require.Equal(t, more == 0, opened, "round %d: %+v", round, w.counts(2000))
		}
	}
}

// race lets so many failures and successes come at once, and returns whether that opens the
// breaker.
func race(w *window, failures, successes int, began mono.Time) bool {
	var wg sync.WaitGroup
	var mu sync.Mutex
	opened := false
	start := make(chan struct{})
	for i := range failures + successes {
		wg.Go(func() {
			<-start
			opens := false
			if i < failures {
				_, opens = w.add(failure, false, began, began+1000, nil)
			} else if look, _ := w.success(began); look {
				_, opens = w.decide(began + 1000)
			}
			if opens {
				mu.Lock()
				defer mu.Unlock()
				opened = true
			}
		})
	}
	close(start)
	wg.Wait()
	return opened
}

// A window beside one that keeps every outcome, split and not, through random outcomes in random
// order: the same counts, and the same decision after each.
func TestTheWordsBesideANaiveWindow(t *testing.T) {
	opened := 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 16))
		buckets := 1 + rng.IntN(12)
		c := Config{FailureRatio: float64(1+rng.IntN(10)) / 10, MinRequests: 1 + rng.IntN(40)}
		if rng.IntN(2) == 0 {
			c.SlowCallDuration, c.SlowCallRatio = 1, float64(1+rng.IntN(10))/10
		}
		w := windowOf(buckets, c)
		splits := rng.IntN(300)
		bad := rng.IntN(101)
		var all []naiveOutcome
		now := mono.Time(0)
		for i := range 250 {
			if i == splits {
				splitNow(w)
			}
			now += mono.Time(rng.IntN(900))
			o := naiveOutcome{began: max(0, now-mono.Time(rng.IntN(1500*buckets))), outcome: success}
			if rng.IntN(100) < bad {
				o.outcome = []outcome{failure, unclassified, excluded}[rng.IntN(3)]
			}
			o.slow = c.SlowCallDuration > 0 && o.outcome != excluded && rng.IntN(3) == 0
			all = append(all, o)
			opens := false
			if o.outcome == success && !o.slow {
				if look, _ := w.success(o.began); look {
					_, opens = w.decide(now)
				}
			} else {
				_, opens = w.add(o.outcome, o.slow, o.began, now, errors.New("bad"))
			}
			want := naiveTally(all, now, buckets)
			is := w.counts(now)
			is.ConsecutiveFailures = 0
			require.Equal(t, want.counts(0), is, "seed %d, outcome %d", seed, i)
			_, trips := w.rules.Load().trips(want)
			require.Equal(t, trips && o.outcome != excluded, opens, "seed %d, outcome %d: %+v", seed, i, is)
			if opens {
				opened++
				break
			}
		}
	}
	require.Greater(t, opened, 60)
}

type naiveOutcome struct {
	began mono.Time
	outcome
	slow bool
}

// naiveTally counts what a window of such units remembers. An outcome that came when its turn was
// forgotten never counts, and nor does it later: the newest turn only grows.
func naiveTally(all []naiveOutcome, now mono.Time, buckets int) (t tally) {
	for _, o := range all {
		if now/1000-o.began/1000 < mono.Time(buckets) {
			t.count(o.outcome, o.slow)
		}
	}
	return t
}

// A window splits after so many lost races and no sooner, a narrow one and one of many buckets
// never.
func TestWhenItSplits(t *testing.T) {
	n := (&Config{Window: time.Second, Buckets: mostSplit}).numbers()
	many := (&Config{Window: time.Second, Buckets: mostSplit + 1}).numbers()
	for range 10 * lostRaces {
		for _, w := range []*window{newWindow(ruled(&n), 0, true), newWindow(ruled(&many), 0, false)} {
			w.successes.lost()
			require.Nil(t, w.successes.split.Load())
		}
	}
	w := newWindow(ruled(&n), 0, false)
	for i := range lostRaces {
		require.Nil(t, w.successes.split.Load(), i)
		w.successes.lost()
	}
	split := w.successes.split.Load()
	require.NotNil(t, split)
	w.successes.lost()
	require.Same(t, split, w.successes.split.Load())
	require.Len(t, split, stripes.Count)
}

// A word that is full stays so, and keeps its turn.
func TestAFullWordStaysFull(t *testing.T) {
	turns := newTurns(10, 10)
	var s successes
	s.init(&turns, false)
	for _, turn := range []uint64{3, 13} {
		s.reach(turn)
		most := uint64(1)<<turns.shift - 1
		s.words[3].Store(turn<<turns.shift | most - 1)
		require.Equal(t, most, s.add(&turns, turn, 3), fmt.Sprint(turn))
		require.Equal(t, most, s.add(&turns, turn, 3))
		require.Equal(t, most, s.of(&turns, turn, 3))
	}
	require.EqualValues(t, 1, s.add(&turns, 23, 3), "the next turn empties it")
	require.Zero(t, s.add(&turns, 13, 3), "forgotten")
	require.EqualValues(t, 1, s.of(&turns, 23, 3))
}

// What another window has counted may come after newer outcomes, or be the newest, and no word
// holds more than it has room for.
func TestSuccessesOfAnotherWindow(t *testing.T) {
	turns := newTurns(10, 10)
	var s successes
	s.init(&turns, false)
	most := uint64(1)<<turns.shift - 1
	s.put(&turns, 15, 5, 3)
	require.EqualValues(t, 15, s.newest.Load())
	require.EqualValues(t, 3, s.of(&turns, 15, 5))
	s.put(&turns, 5, 5, 3)
	require.EqualValues(t, 3, s.of(&turns, 15, 5), "forgotten")
	s.put(&turns, 13, 3, 1)
	require.EqualValues(t, 15, s.newest.Load())
	require.EqualValues(t, 1, s.of(&turns, 13, 3))
	for range 2 {
		s.put(&turns, 15, 5, most)
		require.Equal(t, most, s.of(&turns, 15, 5))
	}
}

// A breaker for one of many keys stays small, however many callers it has.
func TestABreakerForAKeyIsNarrow(t *testing.T) {
	b, err := New(Config{ConsecutiveFailures: 1, OpenFor: 1, MaxOpenFor: 1, HalfOpenProbes: 1})
	require.NoError(t, err)
	require.Positive(t, b.machine.status.Load().window.successes.patience.Load())
	key, err := another(b, Config{Name: "key"})
	require.NoError(t, err)
	require.Zero(t, key.machine.status.Load().window.successes.patience.Load())
	key.Reset()
	require.Zero(t, key.machine.status.Load().window.successes.patience.Load(), "also when it has closed again")
}

// ruled returns rules that are n.
func ruled(n *numbers) *rules {
	r := &rules{}
	r.Store(n)
	return r
}
