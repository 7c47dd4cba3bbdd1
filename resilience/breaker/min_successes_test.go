package breaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/breaker"
)

// A round, probe by probe: S succeeds, F fails, s succeeds slowly, f fails slowly, and x ends
// without an outcome. It is decided at its last letter, and not before.
func TestMinSuccessesDecidesARound(t *testing.T) {
	const closed, open, undecided = breaker.StateClosed, breaker.StateOpen, breaker.StateHalfOpen
	slow := breaker.Config{SlowCallDuration: time.Second}
	for _, c := range []struct {
		least, of int
		round     string
		want      breaker.State
		config    breaker.Config
	}{
		{least: 1, of: 1, round: "S", want: closed},
		{least: 1, of: 1, round: "F", want: open},
		{least: 3, of: 3, round: "SS", want: undecided},
		{least: 3, of: 3, round: "SSS", want: closed},
		{least: 3, of: 3, round: "SSF", want: open},
		{least: 1, of: 3, round: "S", want: closed}, // the other two need not be made
		{least: 1, of: 3, round: "FFS", want: closed},
		{least: 1, of: 3, round: "FF", want: undecided},
		{least: 1, of: 3, round: "FFF", want: open},
		{least: 2, of: 5, round: "FSFFS", want: closed},
		{least: 2, of: 5, round: "FSFFF", want: open},
		{least: 2, of: 5, round: "FFFF", want: open}, // one is left, and two are needed
		{least: 2, of: 5, round: "FFF", want: undecided},
		{least: 2, of: 3, round: "xxSxFxS", want: closed},
		{least: 2, of: 3, round: "xFxF", want: open},
		// Neither the ratio nor failures in a row decide beside it.
		{least: 1, of: 9, round: "FFFFFFFFS", want: closed, config: breaker.Config{FailureRatio: 0.1}},
		{least: 1, of: 9, round: "FFFFFFFFS", want: closed, config: breaker.Config{FailureRatio: -1}},
		{least: 1, of: 9, round: "FFFFFFFFS", want: closed, config: breaker.Config{ConsecutiveFailures: 1}},
		{least: 5, of: 9, round: "FFFFF", want: open, config: breaker.Config{FailureRatio: 1}},
		// What is slow is no success, and counts once.
		{least: 2, of: 3, round: "sSS", want: closed, config: slow},
		{least: 2, of: 3, round: "ss", want: open, config: slow},
		{least: 2, of: 3, round: "sF", want: open, config: slow},
		{least: 2, of: 3, round: "f", want: undecided, config: slow},
		{least: 2, of: 3, round: "fSS", want: closed, config: slow},
		{least: 2, of: 3, round: "sS", want: undecided, config: slow},
		{least: 2, of: 3, round: "ss", want: closed}, // nothing is slow
	} {
		t.Run(c.round, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.config.MinSuccesses, c.config.HalfOpenProbes = c.least, c.of
				b := due(t, c.config)
				for i, probe := range c.round {
					require.Equal(t, undecided, b.State(), "%d of %d, before probe %d of %s", c.least, c.of, i+1, c.round)
					if probe == 'x' {
						ctx, cancel := context.WithCancel(t.Context())
						_ = b.Do(ctx, func(context.Context) error { cancel(); return errDown })
						continue
					}
					op := map[rune]error{'F': errDown, 'f': errDown}[probe]
					took := map[rune]time.Duration{'s': time.Second + 1, 'f': time.Second + 1}[probe]
					times(t, 1, b, taking(took, op))
				}
				require.Equal(t, c.want, b.State(), "%d of %d, after %s", c.least, c.of, c.round)
			})
		})
	}
}

// What comes back after the round was won counts for nothing, and no more probes pass than are said
// to, though fewer are needed.
func TestMinSuccessesWhileOthersAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := due(t, breaker.Config{MinSuccesses: 2, HalfOpenProbes: 4})
		for i := range 4 {
			go func() {
				err := error(nil)
				if i >= 2 {
					err = errDown
				}
				_ = b.Do(context.Background(), taking(time.Duration(i+1)*time.Second, err))
			}()
			synctest.Wait()
		}
		require.ErrorIs(t, b.Do(t.Context(), working), breaker.ErrOpen, "all four places are taken")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, breaker.StateClosed, b.State())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Zero(t, b.Counts())
	})
}

// A round has a time all the same: with one success of two, the second is waited for ProbeTimeout.
func TestMinSuccessesAndAProbeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := due(t, breaker.Config{MinSuccesses: 2, HalfOpenProbes: 2, ProbeTimeout: time.Second})
		times(t, 1, b, working)
		go func() { _ = b.Do(context.Background(), taking(time.Minute, nil)) }()
		synctest.Wait()
		time.Sleep(time.Second)
		require.Equal(t, breaker.StateOpen, b.State())
		require.ErrorContains(t, b.Why(), "a probe had no outcome within 1s; it first opened after ")
		time.Sleep(time.Minute)
	})
}

func TestMinSuccessesInWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const first = "; it first opened after 10 failures in a row (ConsecutiveFailures is 10)"
		b := due(t, breaker.Config{MinSuccesses: 2, HalfOpenProbes: 3})
		require.Equal(t, "breaker 50%/20, closes at 2 of 3", b.String())
		times(t, 2, b, failing)
		require.EqualError(t, b.Why(), "2 of 3 probes failed (MinSuccesses is 2)"+first)
		require.Equal(t, b.Why().Error(), b.Stats().Why)

		b = due(t, breaker.Config{MinSuccesses: 3, SlowCallDuration: time.Second})
		require.Equal(t, "breaker 50%/20, slow 100%>1s, closes at 3 of 3", b.String())
		times(t, 1, b, taking(2*time.Second, errors.New("card declined")))
		require.EqualError(t, b.Why(), "1 of 3 probes failed or took longer than 1s, 1 unclassified: "+
			`*errors.errorString "card declined" (MinSuccesses is 3)`+first)
	})
}

func TestMinSuccessesConfig(t *testing.T) {
	for least, probes := range map[int]int{0: 3, -1: 3, 1: 3, 3: 3, 4: 4, 1000: 1000} {
		c, err := breaker.Config{MinSuccesses: least}.Resolve()
		require.NoError(t, err)
		require.Equal(t, probes, c.HalfOpenProbes, "the default grows with MinSuccesses, here %d", least)
		if least == 0 {
			least = -1
		}
		require.Equal(t, least, c.MinSuccesses)
	}
	_, err := breaker.New(breaker.Config{MinSuccesses: 5, HalfOpenProbes: 4})
	require.EqualError(t, err, "breaker: HalfOpenProbes is 4; want at least MinSuccesses (5)")
	_, err = breaker.New(breaker.Config{MinSuccesses: -2})
	require.EqualError(t, err, "breaker: MinSuccesses is -2; want 1 to 2147483647, or 0 or -1 to turn it off")
}
