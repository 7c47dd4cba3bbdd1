package told_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/told"
)

func TestARecordKnowsWhatWasLoggedWhere(t *testing.T) {
	ctx, r := told.With(t.Context())
	require.Same(t, r, told.In(ctx))
	here, there := slog.NewTextHandler(io.Discard, nil), slog.NewTextHandler(io.Discard, nil)
	u := told.Update{Pipeline: "payments", What: "budget ratio", Stage: "budget", Field: "Ratio", From: 0.1, To: 0.2}
	require.False(t, r.Has(here, u))
	require.False(t, r.HasAny(here))
	r.Logged(here, u)
	require.True(t, r.Has(here, u))
	require.True(t, r.HasAny(here))
	require.False(t, r.Has(there, u), "another log")
	require.False(t, r.HasAny(there))
	for _, other := range []told.Update{{Pipeline: "search", What: u.What}, {Pipeline: u.Pipeline, Key: "a", What: u.What}, {Pipeline: u.Pipeline}} {
		require.False(t, r.Has(here, other), "%v", other)
	}
}

func TestAPromise(t *testing.T) {
	_, r := told.With(t.Context())
	here, there := slog.NewTextHandler(io.Discard, nil), slog.NewTextHandler(io.Discard, nil)
	r.Promise(here, func(u told.Update) bool { return u.Field == "Ratio" })
	require.True(t, r.Has(here, told.Update{Field: "Ratio"}))
	require.False(t, r.Has(here, told.Update{Field: "Floor"}))
	require.False(t, r.Has(there, told.Update{Field: "Ratio"}))
}

// Pins: covers may call a user's String method, and so it is called under no lock.
func TestAPromiseIsAskedUnderNoLock(t *testing.T) {
	_, r := told.With(t.Context())
	u := told.Update{What: "retry backoff"}
	r.Promise(slog.DiscardHandler, func(asked told.Update) bool {
		r.Logged(slog.DiscardHandler, asked)
		return false
	})
	answers := make(chan bool, 1)
	go func() { answers <- r.Has(slog.DiscardHandler, u) }()
	select {
	case has := <-answers:
		require.False(t, has)
	case <-time.After(20 * time.Second):
		require.FailNow(t, "it waits for itself")
	}
	require.True(t, r.HasAny(slog.DiscardHandler))
}

// Without a Record nothing is known, and nothing panics.
func TestNoRecord(t *testing.T) {
	r := told.In(context.Background())
	require.Nil(t, r)
	r.Logged(slog.DiscardHandler, told.Update{})
	require.False(t, r.Has(slog.DiscardHandler, told.Update{}))
	require.False(t, r.HasAny(slog.DiscardHandler))
}

// odd is a handler that cannot be compared.
type odd struct {
	slog.Handler

	list []string
}

// Handlers that cannot be compared are taken for different ones: a change is rather logged twice
// than not at all.
func TestHandlersThatCannotBeCompared(t *testing.T) {
	_, r := told.With(t.Context())
	h := odd{slog.DiscardHandler, nil}
	r.Logged(h, told.Update{})
	require.False(t, r.Has(h, told.Update{}))
	require.False(t, r.HasAny(h))
}
