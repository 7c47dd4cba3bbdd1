package breaker_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Pins: a breaker of which one number is another must not share the state, and so the settings, of
// the old one. What is no number (whose it is, and what errors mean) is in force at once, and the
// state stays.
func TestEveryNumberMakesANewBreaker(t *testing.T) {
	b := newBreaker(t, breaker.Config{SlowCallDuration: time.Second})
	for f := range reflect.TypeFor[breaker.Config]().Fields() {
		c := b.Config()
		v := reflect.ValueOf(&c).Elem().FieldByIndex(f.Index)
		number := true
		switch f.Type.Kind() {
		case reflect.Int, reflect.Int64:
			v.SetInt(max(0, v.Int()) + 1) // what is off is turned on
		case reflect.Float64:
			v.SetFloat(v.Float() / 2)
		default:
			number = false
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
		_, kept := renewed(t, b, c)
		require.Equal(t, !number, kept, f.Name)
	}
	_, kept := renewed(t, b, b.Config())
	require.True(t, kept)
}
