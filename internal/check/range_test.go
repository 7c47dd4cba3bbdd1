package check_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// number returns the result of Number for v, and the problem that it notes.
func number[T int | float64 | time.Duration](v T, r check.Range[T]) (T, string) {
	c := check.Stage("s")
	got := check.Number(c, "F", v, r)
	if err := c.Err(); err != nil {
		return got, err.Error()
	}
	return got, ""
}

func TestNumber(t *testing.T) {
	both := check.Range[int]{Max: 9, Default: 3, Off: "to turn it off"}
	special := check.Range[int]{Special: []resilience.Special{{Value: -7, Name: "Seven"}}}
	for _, c := range []struct {
		v, want int
		r       check.Range[int]
		refused string
	}{
		{v: 1, r: both, want: 1},
		{v: 9, r: both, want: 9},
		{v: 0, r: both, want: 3},
		{v: -1, r: both, want: -1},
		{v: 10, r: both, want: 3, refused: "s: F is 10; want 1 to 9, 0 for the default (3), or -1 to turn it off"},
		{v: -2, r: both, want: 3, refused: "s: F is -2; want 1 to 9, 0 for the default (3), or -1 to turn it off"},
		{v: 0, r: check.Range[int]{}, refused: "s: F is 0; want 1 or more"},
		{v: -1, r: check.Range[int]{}, refused: "s: F is -1; want 1 or more"},
		{v: math.MaxInt, r: check.Range[int]{}, want: math.MaxInt},
		{v: 0, r: check.Range[int]{Zero: "for any number"}, want: 0},
		{v: 4, r: check.Range[int]{Min: 5, Zero: "for any number"}, refused: "s: F is 4; want 5 or more, or 0 for any number"},
		{v: 5, r: check.Range[int]{Min: 5}, want: 5},
		{v: -7, r: special, want: -7},
		{v: -8, r: special, refused: "s: F is -8; want 1 or more, or Seven"},
	} {
		got, refused := number(c.v, c.r)
		require.Equal(t, c.want, got, "%d in %+v", c.v, c.r)
		require.Equal(t, c.refused, refused, "%d in %+v", c.v, c.r)
	}
}

func TestNumberOfFloatsAndDurations(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -0.5} {
		got, refused := number(v, check.Range[float64]{Default: 2})
		require.Equal(t, 2.0, got)
		require.Contains(t, refused, "; want a number above 0, or 0 for the default (2)")
	}
	got, refused := number(1e-300, check.Range[float64]{Max: 1})
	require.Equal(t, 1e-300, got)
	require.Empty(t, refused)
	_, refused = number(math.Nextafter(1, 2), check.Range[float64]{Max: 1})
	require.Equal(t, "s: F is 1.0000000000000002; want a number above 0 and up to 1", refused)

	d, refused := number(time.Duration(-1), check.Range[time.Duration]{Off: "for no limit"})
	require.Equal(t, time.Duration(check.Off), d)
	require.Empty(t, refused)
	_, refused = number(time.Duration(-1), check.Range[time.Duration]{Default: time.Second})
	require.Equal(t, "s: F is -1ns; want a positive duration, or 0 for the default (1s)", refused)
}

// Pins: a rule travels with the error, in the field's own type.
func TestRefusedByARule(t *testing.T) {
	c := check.Stage("retry")
	check.Number(c, "Window", -5, check.Range[time.Duration]{Min: time.Second, Default: time.Minute, Off: "for no limit", Zero: ""})
	c.Fail("Other", 1, "want %d", 2)
	var wrong *resilience.FieldError
	require.ErrorAs(t, c.Err(), &wrong)
	require.Equal(t, &resilience.FieldError{
		Stage: "retry", Field: "Window", Value: time.Duration(-5), Want: "want at least 1s, 0 for the default (1m0s), or -1 for no limit",
		Rule: &resilience.Rule{
			Min: time.Second, Default: time.Minute, Special: []resilience.Special{{Value: time.Duration(-1), Means: "for no limit"}},
		},
	}, wrong)
	require.EqualError(t, c.Err(), wrong.Error()+"\nretry: Other is 1; want 2")
	require.NoError(t, check.Stage("retry").Err())
}
