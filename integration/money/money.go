// Package money makes payments while a server fails, and holds every one of them against what its
// caller was told.
package money

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// Run is a number of payments, each made once by its caller, under faults that come and go.
type Run struct {
	Calls   int // how many payments; their ids are 0 to Calls-1
	Workers int
	Every   int // a fault comes after so many calls
	Lasts   int // and goes after so many more; less than Every
	Pay     func(ctx context.Context, id int) error
	Faults  []func() // in turn
	Heal    func()   // ends any of them
	// Refused reports whether the server itself must refuse the payment: it is a mistake of the
	// caller's.
	Refused func(id int) bool
	// Proven reports whether an error proves that the call changed nothing. Such an error must not
	// be called unknown. Nil: nothing is proven.
	Proven func(err error) bool
}

// Ledger is what the callers were told.
type Ledger struct {
	Acknowledged []int
	Unknown      []int // resilience.ErrOutcomeUnknown
	Failed       []int // any other error: nothing happened
	Doubted      []error
	Answered     []int // beyond what a mistake deserves: acknowledged though it must be refused
}

// Do makes the payments.
func (r Run) Do(ctx context.Context) *Ledger {
	var (
		ledger Ledger
		mu     sync.Mutex
		wg     sync.WaitGroup
		ended  = make(chan struct{})
		ids    = make(chan int)
		done   = make(chan struct{})
	)
	go func() {
		defer close(ended)
		n := 0
		for range done {
			switch n++; n % r.Every {
			case r.Every / 4:
				r.Faults[n/r.Every%len(r.Faults)]()
			case r.Every/4 + r.Lasts:
				r.Heal()
			}
		}
		r.Heal()
	}()
	for range r.Workers {
		wg.Go(func() {
			for id := range ids {
				err := r.Pay(ctx, id)
				mu.Lock()
				ledger.note(r, id, err)
				mu.Unlock()
				done <- struct{}{}
			}
		})
	}
	for id := range r.Calls {
		ids <- id
	}
	close(ids)
	wg.Wait()
	close(done)
	<-ended
	return &ledger
}

func (l *Ledger) note(r Run, id int, err error) {
	switch {
	case err == nil:
		l.Acknowledged = append(l.Acknowledged, id)
		if r.Refused != nil && r.Refused(id) {
			l.Answered = append(l.Answered, id)
		}
	case errors.Is(err, resilience.ErrOutcomeUnknown):
		l.Unknown = append(l.Unknown, id)
		if r.Proven != nil && r.Proven(err) {
			l.Doubted = append(l.Doubted, err)
		}
	default:
		l.Failed = append(l.Failed, id)
	}
}

// Check holds the ledger against what is there: an entry for each payment that was made, as often
// as it was.
func (l *Ledger) Check(t *testing.T, made []int) {
	t.Helper()
	times := map[int]int{}
	for _, id := range made {
		times[id]++
	}
	twice := slices.DeleteFunc(slices.Sorted(slices.Values(made)), func(id int) bool { return times[id] == 1 })
	assert.Empty(t, twice, "made twice")
	assert.Empty(t, missing(l.Acknowledged, times), "acknowledged, and not there")
	assert.Empty(t, present(l.Failed, times), "\"nothing happened\", and it did")
	assert.Empty(t, l.Answered, "refused by the server, and acknowledged")
	assert.Empty(t, l.Doubted, "called unknown, in spite of a proof")
	require.NotEmpty(t, l.Acknowledged, "nothing came through")
	require.Len(t, made, len(l.Acknowledged)+len(present(l.Unknown, times)), "made by nobody")
	t.Logf("%d acknowledged, %d unknown (%d of them made), %d failed",
		len(l.Acknowledged), len(l.Unknown), len(present(l.Unknown, times)), len(l.Failed))
}

func missing(ids []int, times map[int]int) (not []int) {
	for _, id := range ids {
		if times[id] == 0 {
			not = append(not, id)
		}
	}
	return not
}

func present(ids []int, times map[int]int) (there []int) {
	for _, id := range ids {
		if times[id] > 0 {
			there = append(there, id)
		}
	}
	return there
}
