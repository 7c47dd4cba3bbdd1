package breaker_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// An update of any field keeps the state, and what opened it: a new ratio must not close a breaker
// onto a dependency that is down.
func TestNoNumberClosesABreaker(t *testing.T) {
	b := newBreaker(t, breaker.Config{SlowCallDuration: time.Second, ConsecutiveFailures: 2})
	times(t, 2, b, failing)
	for f := range reflect.TypeFor[breaker.Config]().Fields() {
		c := b.Config()
		v := reflect.ValueOf(&c).Elem().FieldByIndex(f.Index)
		switch f.Type.Kind() {
		case reflect.Int, reflect.Int64:
			v.SetInt(max(0, v.Int()) + 1) // what is off is turned on
		case reflect.Float64:
			v.SetFloat(v.Float() / 2)
		default:
			switch f.Name {
			case "Name":
				c.Name = "other"
			case "Classify":
				c.Classify = resilience.Classify
			case "IgnoreUnclassified":
				c.IgnoreUnclassified = true
			case "Fleet":
				c.Fleet = true
			default:
				require.Fail(t, "a field of a new kind", f.Name)
			}
		}
		is, kept := renewed(t, b, c)
		require.True(t, kept, f.Name)
		require.Equal(t, breaker.StateOpen, is.State(), f.Name)
		require.EqualError(t, is.Why(), "2 failures in a row (ConsecutiveFailures is 2)", f.Name)
		_, _ = renewed(t, b, b.Config())
	}
	_, kept := renewed(t, b, b.Config())
	require.True(t, kept)
}
