package docs

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The table of events in the guide names, for every kind, the fields that pipelines set in it: no
// more and no less. It is what Event's comment promises: which fields are set depends on the kind.
func TestTheTableOfEvents(t *testing.T) {
	documented := map[string][]string{}
	row := regexp.MustCompile("(?m)^\\| `Event(\\w+)` \\|[^|]+\\| ([^|]+) \\|$")
	for _, match := range row.FindAllStringSubmatch(read(t, "guide.md"), -1) {
		documented[match[1]] = slices.Sorted(strings.SplitSeq(match[2], ", "))
	}
	set := map[string][]string{}
	for kind, fields := range everyEvent(t) {
		name := ""
		for part := range strings.SplitSeq(kind.String(), "_") {
			name += strings.ToUpper(part[:1]) + part[1:]
		}
		set[name] = slices.Sorted(maps.Keys(fields))
	}
	require.Len(t, set, int(resilience.NumEventKinds)-1, "every kind has happened")
	require.Equal(t, documented, set)
}

// An event is about one attempt or about a whole call: only then has it the number of the one, or
// the count of the other.
func TestAttemptAndAttemptsAreNeverBothSet(t *testing.T) {
	for kind, fields := range everyEvent(t) {
		require.False(t, fields["Attempt"] && fields["Attempts"], kind)
	}
}

// fieldsSet are the fields of an event kind that were ever set, by name.
type fieldsSet struct {
	mu     sync.Mutex
	fields map[resilience.EventKind]map[string]bool
}

func (s *fieldsSet) Observe(_ context.Context, e resilience.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fields[e.Kind] == nil {
		s.fields[e.Kind] = map[string]bool{}
	}
	for field, value := range reflect.ValueOf(e).Fields() {
		if !value.IsZero() && field.Name != "Kind" && field.Name != "Pipeline" {
			s.fields[e.Kind][field.Name] = true
		}
	}
}

func (*fieldsSet) LogsUnclassified() {}

// noStore is a fleet's store that is out of order.
type noStore struct{ fleet.Transport }

func (noStore) Exchange(context.Context, fleet.Exchange) ([]fleet.News, error) {
	return nil, errors.New("no store")
}

// everyEvent drives pipelines through all that can happen, and returns which fields were set.
func everyEvent(t *testing.T) map[resilience.EventKind]map[string]bool {
	t.Helper()
	heard := &fieldsSet{fields: map[resilience.EventKind]map[string]bool{}}
	synctest.Test(t, func(t *testing.T) {
		ending := func(err error) resilience.Func {
			return func(context.Context) error { <-time.After(time.Millisecond); return err }
		}
		well, unknown, down := ending(nil), ending(errors.New("unknown")), ending(resilience.MarkTransient(errors.New("down")))
		p := holdfast.Must(holdfast.New("payments", holdfast.Observe(heard),
			budget.Config{Initial: -1, Floor: -1, Shadow: true}, retry.Config{MaxRetries: 2}, breaker.Config{ConsecutiveFailures: 8},
		))
		do := func(op resilience.Func) { _ = p.Do(t.Context(), op) }
		do(well)
		do(unknown)
		for range 3 { // opens the breaker, which refuses the last attempt
			do(down)
		}
		do(down) // refused
		<-time.After(time.Hour)
		do(well) // probes
		_, err := p.Tune(t.Context(), holdfast.Tuning{Isolate: []string{"payments"}})
		require.NoError(t, err)
		require.NoError(t, p.Update(holdfast.Observe(heard), retry.Config{}))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = p.Do(ctx, well)
		require.NoError(t, p.Update(holdfast.Observe(heard), bulkhead.Config{Adaptive: &bulkhead.Adaptive{SlowFailures: 1}}))
		do(ending(resilience.MarkOverload(errors.New("too much to do"), 0)))
		require.NoError(t, p.Update(holdfast.Observe(heard), budget.Config{Initial: -1, Floor: -1}, retry.Config{Patient: true}))
		do(down)
		f, err := fleet.Join(t.Context(), noStore{fleet.InProcess()}, "shop", fleet.WithObserver(heard), fleet.WithLogger(slog.New(slog.DiscardHandler)))
		require.NoError(t, err)
		defer f.Leave()
		f.Add(holdfast.Must(holdfast.New("checkout", breaker.Config{})))
		<-time.After(time.Minute) // the fleet loses its store
	})
	return heard.fields
}
