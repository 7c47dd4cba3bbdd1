package ratelimit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// A hand returns what it has changed itself, whatever others change between its look at the
// settings and its change.
func TestAHandReturnsItsOwnChangeOnly(t *testing.T) {
	l := newLimiter(t, ratelimit.Config{Rate: 5})
	from, to := l.Config(), l.Config()
	to.Rate = 6
	tuned, err := stage.Of(l).Tune(l, from, to)
	require.NoError(t, err)
	require.NoError(t, l.Update(ratelimit.Config{Rate: 5, MaxWait: time.Second}))
	before := l.Config()
	was, is := tuned.Commit()
	require.Equal(t, before, was)
	want := before
	want.Rate = 6
	require.Equal(t, want, is)
	require.Equal(t, want, l.Config())
	was, is = tuned.Commit()
	require.Equal(t, was, is, "the same again changes nothing")
}
