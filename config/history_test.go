package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/told"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// follow watches a real file.
func follow(t *testing.T, r *holdfast.Registry, content string, options ...WatchOption) *site {
	t.Helper()
	s := &site{T: t, dir: realDir(t), registry: r, reloads: make(chan Reload, 1000)}
	s.file = s.at("services.yaml")
	write(t, s.file, content)
	w, err := Watch(t.Context(), s.file, r, append([]WatchOption{WithDebounce(ms), WithPoll(ms), WithEnvironment(nil)}, options...)...)
	require.NoError(t, err)
	s.watcher = w
	t.Cleanup(w.Close)
	return s
}

func retries(n int) string {
	return fmt.Sprintf("services: {a: {retry: {max_retries: %d}}, b: {}}\n", n)
}

// The whole life of a file: as others see it after each step.
func TestHowAFileStands(t *testing.T) {
	start := time.Now()
	reloads := make(chan Reload, 100)
	s := follow(t, holdfast.NewRegistry(), retries(1), WithOnReload(func(r Reload) { reloads <- r }))
	s.reloads = reloads
	is := s.watcher.Status()
	require.Equal(t, holdfast.ConfigStatus{Path: s.file, Read: is.Read, Applied: is.Read, Reloads: 1}, is, "the first load is one")
	require.False(t, is.Read.Before(start))
	require.Equal(t, []Reload{{Path: s.file, At: is.Read, Added: []string{"a", "b"}}}, s.watcher.Reloads())

	s.replace(retries(2))
	r := s.next()
	require.Equal(t, "[a: retry.max_retries 1 → 2 ("+s.file+":1:24 (service))]", fmt.Sprint(r.Changes))
	good := s.watcher.Status()
	require.Equal(t, holdfast.ConfigStatus{Path: s.file, Read: r.At, Applied: r.At, Reloads: 2}, good)

	s.replace("services: 5\n")
	first := s.next()
	require.Empty(t, first.Changes)
	require.Equal(t, holdfast.ConfigStatus{Path: s.file, Read: first.At, Applied: good.Applied, Reloads: 2, Err: first.Err, Refused: first.At, Refusals: 1}, s.watcher.Status())
	s.remove(s.file)
	r = s.next()
	require.ErrorIs(t, r.Err, os.ErrNotExist)
	is = s.watcher.Status()
	require.Equal(t, holdfast.ConfigStatus{Path: s.file, Read: r.At, Applied: good.Applied, Reloads: 2, Err: r.Err, Refused: first.At, Refusals: 2}, is,
		"refused since it first was")

	s.replace(retries(2)) // what is in force: it is a reload all the same
	r = s.next()
	require.NoError(t, r.Err)
	require.Empty(t, r.Changed)
	require.Empty(t, r.Changes)
	require.Equal(t, holdfast.ConfigStatus{Path: s.file, Read: r.At, Applied: r.At, Reloads: 3, Refusals: 2}, s.watcher.Status())
	require.Len(t, s.watcher.Reloads(), 5)

	s.watcher.Close()
	is = s.watcher.Status()
	require.True(t, is.Ended)
	require.EqualValues(t, 3, is.Reloads)
}

// The last 20 are kept, the oldest dropped. What a caller or a reload function does with a Reload
// changes nothing.
func TestTheLastReloads(t *testing.T) {
	reloads := make(chan Reload, 100)
	s := follow(t, holdfast.NewRegistry(), retries(1), WithOnReload(func(r Reload) {
		for i := range r.Changes {
			r.Changes[i].To = "mine"
		}
	}), WithOnReload(func(r Reload) { reloads <- r }))
	s.reloads = reloads
	for i := 2; i <= 26; i++ {
		s.replace(retries(i))
		require.Equal(t, fmt.Sprint(i), s.next().Changes[0].To)
	}
	all := s.watcher.Reloads()
	require.Len(t, all, 20)
	require.Equal(t, "7", all[0].Changes[0].To)
	require.Equal(t, "26", all[19].Changes[0].To)
	all[0].Changes[0].To = "mine"
	require.Equal(t, "7", s.watcher.Reloads()[0].Changes[0].To)
}

// Everybody may look while the file changes and the watching ends.
func TestLookingWhileReloading(t *testing.T) {
	reloads := make(chan Reload, 100)
	s := follow(t, holdfast.NewRegistry(), retries(1), WithOnReload(func(r Reload) { reloads <- r }))
	s.reloads = reloads
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				is, all := s.watcher.Status(), s.watcher.Reloads()
				if is.Applied.IsZero() || len(all) == 0 || is.Path != s.file {
					t.Errorf("%v, %d reloads", is, len(all))
				}
			}
		})
	}
	for i := range 20 {
		s.replace(retries(i + 2))
		s.next()
	}
	s.replace(retries(99))
	s.watcher.Close() // during a reload, or just before it
	close(stop)
	readers.Wait()
	is := s.watcher.Status()
	c, _ := s.registry.Applied().(*Config)
	want := fmt.Sprint(is.Reloads) // 21 changes at most, the first load being one
	if is.Reloads == 22 {
		want = "99"
	}
	require.Equal(t, want, texts(c.services["a"])[indexOf(t, c)][len("retry.max_retries: "):], "what was applied is told")
}

func indexOf(t *testing.T, c *Config) int {
	t.Helper()
	for i, text := range texts(c.services["a"]) {
		if strings.HasPrefix(text, "retry.max_retries: ") {
			return i
		}
	}
	t.Fatal("no such key")
	return 0
}

// Half a file, as a writer that pauses leaves it: refused if it is none, or applied, and told.
func TestAFileThatIsHalfWritten(t *testing.T) {
	reloads := make(chan Reload, 100)
	s := follow(t, holdfast.NewRegistry(), "services:\n  a: {}\n  b: {}\n", WithOnReload(func(r Reload) { reloads <- r }))
	s.reloads = reloads
	for content, wrong := range map[string]bool{"services:\n  a: {retry": true, "services:\n  a: {": true, "services:\n  a: {}\n": false} {
		s.replace(content)
		r := s.next()
		require.Equal(t, wrong, r.Err != nil, content)
		require.Equal(t, wrong, s.watcher.Status().Err != nil)
		if !wrong {
			require.Equal(t, []string{"b"}, r.Removed)
		}
		s.replace("services:\n  a: {}\n  b: {}\n")
		require.NoError(t, s.next().Err)
	}
}

// Pins: an observer that panics when it is told of a reload does not make the file a refused one,
// since it is in force; and what changed is told.
func TestAnObserverThatPanicsIsNoFaultOfTheFile(t *testing.T) {
	log := capture(t)
	reloads := make(chan Reload, 100)
	panics := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventUpdate {
			panic("no room")
		}
	})
	s := follow(t, holdfast.NewRegistry(panics), retries(1), WithOnReload(func(r Reload) { reloads <- r }))
	s.reloads = reloads
	s.replace("services: {a: {retry: {max_retries: 2}}, c: {}}\n")
	r := s.next()
	require.NoError(t, r.Err)
	require.Equal(t, []string{"a"}, r.Changed)
	require.Equal(t, []string{"c"}, r.Added)
	require.Equal(t, []string{"b"}, r.Removed)
	require.Len(t, r.Changes, 1)
	require.NoError(t, s.watcher.Err())
	require.EqualValues(t, 2, s.watcher.Status().Reloads)
	require.Contains(t, log(), `panic="no room"`)
	s.replace("services: {a: {retry: {max_retries: 3}}, c: {}}\n")
	require.Equal(t, "2", s.next().Changes[0].From)
}

// Pins: what a reload changed is told also if an observer that hears of it applies another set at
// once, as one does that adds something to each file. The next reload starts from this one.
func TestAnObserverThatAppliesAnotherSet(t *testing.T) {
	reloads := make(chan Reload, 100)
	var r *holdfast.Registry
	r = holdfast.NewRegistry(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventUpdate {
			if err := r.Apply(holdfast.Services(r.Applied().Services())); err != nil {
				t.Error(err)
			}
		}
	}))
	s := follow(t, r, retries(1), WithOnReload(func(r Reload) { reloads <- r }))
	s.reloads = reloads
	for i := 2; i <= 3; i++ {
		s.replace(retries(i))
		is := s.next()
		require.NoError(t, is.Err)
		require.Equal(t, []string{"a"}, is.Changed)
		require.Len(t, is.Changes, 1)
		require.Equal(t, fmt.Sprint(i-1), is.Changes[0].From)
	}
}

// A thousand services with a hundred characters each, all of which change: the log has a few KB,
// and the list and the memory have an end.
func TestAReloadOfAThousandServices(t *testing.T) {
	file := func(retries int) string {
		var b strings.Builder
		b.WriteString("services:\n")
		for i := range 1000 {
			fmt.Fprintf(&b, "  service-%095d: {retry: {max_retries: %d, base_delay: %dms}}\n", i, retries, retries)
		}
		return b.String()
	}
	log := capture(t)
	s := follow(t, holdfast.NewRegistry(resilience.NewLogObserver(nil)), file(1))
	s.replace(file(2))
	require.Eventually(t, func() bool { return s.watcher.Status().Reloads == 2 }, 20*time.Second, ms)
	s.watcher.Close()
	all := s.watcher.Reloads()
	require.Len(t, all[1].Changes, 1000)
	require.Equal(t, 1000, all[1].More)
	require.Len(t, all[1].Changed, 1000)
	require.Less(t, len(log()), 40_000)
	require.Equal(t, 51, strings.Count(log(), "\n"), "one for the file, and fifty changes")
	require.Contains(t, log(), "and 980 more")
	require.Contains(t, log(), "changes=2000 not_listed=1950")
}

// Names that would end a line, or turn it around: one change is one line of printable characters.
func TestHostileNamesInTheLog(t *testing.T) {
	log := capture(t)
	s := follow(t, holdfast.NewRegistry(), "services: {a: {breaker: {name: \"x\\u202e\"}}}\n")
	s.replace("services: {a: {breaker: {name: \"y\\u202ez\"}}}\n")
	require.Eventually(t, func() bool { return strings.Contains(log(), "the configuration changed") }, 20*time.Second, ms)
	require.NotContains(t, log(), "\u202e")
	require.Contains(t, log(), `key=breaker.name from=x\u202e to=y\u202ez `)
}

// In each log a reload stands once: in slog.Default's by the watcher, with file and line; in
// another by its observer, pipeline by pipeline. With a reload function nobody else logs it, so
// observers do.
func TestAReloadIsLoggedOnce(t *testing.T) {
	log := capture(t)
	var mu sync.Mutex
	var other bytes.Buffer
	theirs := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return other.Write(p)
	}), nil))
	registry := holdfast.NewRegistry(resilience.NewLogObserver(nil), resilience.NewLogObserver(theirs))
	s := follow(t, registry, retries(1))
	s.replace(strings.Replace(retries(2), "b: {}", "b: {rps: 5, retry: {max_retries: 7}}", 1))
	require.Eventually(t, func() bool { return s.watcher.Status().Reloads == 2 }, 20*time.Second, ms)
	s.watcher.Close()
	require.Equal(t, 4, strings.Count(log(), "\n"), log())
	require.Equal(t, 1, strings.Count(log(), `msg="holdfast: the configuration was loaded again"`))
	require.Equal(t, 1, strings.Count(log(), `pipeline=a key=retry.max_retries from=1 to=2 origin="`+s.file+`:1:24 (service)"`))
	require.Equal(t, 1, strings.Count(log(), `pipeline=b key=retry.max_retries from=3 to=7`), log())
	require.NotContains(t, log(), "pipeline updated")
	require.Equal(t, 2, strings.Count(other.String(), `msg="pipeline updated"`))

	reloads := make(chan Reload, 100)
	s = follow(t, holdfast.NewRegistry(resilience.NewLogObserver(nil)), retries(1), WithOnReload(func(r Reload) { reloads <- r }))
	s.reloads = reloads
	s.replace(retries(2))
	s.next()
	require.Equal(t, 1, strings.Count(log(), "pipeline updated"))
	require.NoError(t, registry.Apply(holdfast.Services{"a": {budget.Config{}, retryTwice}, "b": {retryTwice}}))
	require.Equal(t, 3, strings.Count(log(), "pipeline updated"), "by code")
}

// What an observer is told is left out only if the watcher's log says the same: other values, such
// as those that were set by hand before, are not what the file says.
func TestWhatALogOfAReloadCovers(t *testing.T) {
	l := changesBetween(parsed(t, "services: {a: {template: none, retry: {}, budget: {ratio: 0.1, floor: 0}, deadline: 2s, bulkhead: {}}}\n"),
		parsed(t, "services: {a: {template: none, retry: {adaptive: {}}, budget: {ratio: 0.2, floor: 3}, deadline: 3s, breaker: {}}}\n"))
	for _, c := range []struct {
		stage, field string
		from, to     any
		covered      bool
	}{
		{"budget", "Ratio", 0.1, 0.2, true},
		{"budget", "Ratio", 0.3, 0.2, false},
		{"budget", "Ratio", 0.1, 0.25, false},
		{"budget", "Floor", -1.0, 3.0, true},
		{"budget", "Burst", 10, 20, false},
		{"deadline", "Limit", 2 * time.Second, 3 * time.Second, true},
		{"deadline", "Limit", 2 * time.Second, 4 * time.Second, false},
		{"odd", "", nil, errors.New("x"), false},
		{"breaker", "", "", "breaker 50%/20", true},
		{"budget", "", "", "budget 10%", false},
		{"bulkhead", "", "bulkhead 64", "", true},
		{"retry", "Adaptive", (*retry.Adaptive)(nil), &retry.Adaptive{}, true},
		{"retry", "Adaptive", &retry.Adaptive{}, (*retry.Adaptive)(nil), false},
		{"breaker", "", "breaker 50%/20", "", false},
		{"pipeline", "Order", "retry → breaker", "breaker → retry", false},
		{"retry", "MaxRetries", 3, 5, false},
	} {
		require.Equal(t, c.covered, l.covers(toldOf("a", c.stage, c.field, c.from, c.to)), "%+v", c)
		require.False(t, l.covers(toldOf("b", c.stage, c.field, c.from, c.to)), "%+v", c)
	}
}

// A file has two deadlines. What is told of the one is not covered by a change of the other, though
// stage, field and values are the same.
func TestALogOfADeadlineCoversThatOne(t *testing.T) {
	const file = "services: {a: {template: none, retry: {}, deadline: %s, attempt_deadline: %s}}\n"
	for key, l := range map[string]changeList{
		"call":    changesBetween(parsed(t, fmt.Sprintf(file, "3s", "1s")), parsed(t, fmt.Sprintf(file, "4s", "1s"))),
		"attempt": changesBetween(parsed(t, fmt.Sprintf(file, "9s", "3s")), parsed(t, fmt.Sprintf(file, "9s", "4s"))),
	} {
		require.Len(t, l.all, 1)
		for name, covered := range map[string]bool{"call": key == "call", "attempt": key == "attempt", "": true} {
			u := toldOf("a", "deadline", "Limit", 3*time.Second, 4*time.Second)
			u.Name = name
			require.Equal(t, covered, l.covers(u), "%s: %q", key, name)
		}
	}
}

var retryTwice = retry.Config{MaxRetries: 2}

func toldOf(pipeline, stage, field string, from, to any) told.Update {
	return told.Update{Pipeline: pipeline, What: stage + " " + field, Stage: stage, Field: field, From: from, To: to}
}
