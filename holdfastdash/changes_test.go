package holdfastdash

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/told"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// talkative is a Backoff of a user's own, whose String does something first.
type talkative struct {
	name string
	does func()
}

func (*talkative) Backoff(retry.Step) time.Duration { return time.Millisecond }

func (b *talkative) String() string {
	b.does()
	return b.name
}

// Pins: a change is put into words while nothing is locked: a String method of a user's own may
// change a pipeline itself, or wait for somebody who does.
func TestNoStringMethodRunsUnderALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := 0
		var d *Dashboard
		check := func() {
			words++
			for name, mu := range map[string]interface {
				TryLock() bool
				Unlock()
			}{"replaced": &d.replaced.mu, "record": &d.record.mu, "hands": &d.hands.mu} {
				if !mu.TryLock() {
					t.Errorf("String runs under the lock of %s", name)
					continue
				}
				mu.Unlock()
			}
		}
		p, err := holdfast.New("payments", retry.Config{Backoff: &talkative{"first", check}})
		require.NoError(t, err)
		d, err = Handler([]*holdfast.Pipeline{p})
		require.NoError(t, err)
		t.Cleanup(d.Close)
		synctest.Wait() // for the sampler to watch
		require.NoError(t, p.Update(retry.Config{Backoff: &talkative{"second", check}}))
		require.Positive(t, words)
		d.tellReplaced()
		all := d.record.newest()
		require.Len(t, all, 1)
		require.Equal(t, []changeLine{{Pipeline: "payments", Key: "retry.backoff", From: "first", To: "second"}}, all[0].Changes)
	})
}

// Pins: what others have changed while a change was put into words counts as well: no group has
// more lines than a page is told, and what is left out is counted.
func TestChangesWhileAChangeIsPutIntoWords(t *testing.T) {
	p, err := holdfast.New("payments", retry.Default())
	require.NoError(t, err)
	plain := resilience.Change{Stage: "bulkhead", From: "bulkhead 64"}
	for already, more := range map[int]int{listedLines - 2: 0, listedLines - 1: 1, listedLines: 2, listedLines + 1: 3} {
		var r replacements
		others := &resilience.Update{Changes: make([]resilience.Change, already)}
		for i := range others.Changes {
			others.Changes[i] = plain
		}
		said := false
		slow := resilience.Change{Stage: "retry", Field: "Backoff", From: &talkative{does: func() {
			if !said {
				said = true
				r.add(t.Context(), p, others)
			}
		}}}
		r.add(t.Context(), p, &resilience.Update{Changes: []resilience.Change{slow, plain}})
		got := r.take()[told.File{}]
		require.Len(t, got.lines, min(already+2, listedLines), already)
		require.Equal(t, more, got.more, already)
	}
}
