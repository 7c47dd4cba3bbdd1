package stage_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/internal/vary"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Each kind's zero Config either resolves to one that resolves to itself, or says what is wrong.
func TestEveryKindDescribesItself(t *testing.T) {
	for _, k := range stage.Kinds() {
		t.Run(k.Name(), func(t *testing.T) {
			other, ok := stage.OfConfig(k.Config())
			require.True(t, ok)
			require.Same(t, k, other)
			r, err := k.Resolve(k.Config())
			if err != nil {
				require.ErrorContains(t, err, k.Name()+": ")
				return
			}
			again, err := k.Resolve(r)
			require.NoError(t, err)
			require.Equal(t, r, again)
			p, err := r.Build()
			require.NoError(t, err)
			require.Same(t, k, stage.Of(p))
			require.Equal(t, r, k.InForce(p))
			require.Equal(t, k.Name(), stage.NameOf(p))
			require.Equal(t, stage.Plain, k.Worth(p), "nothing has happened")
			require.Equal(t, stage.Well, k.Report(p).Condition)
		})
	}
}

// In each field, 0 means what the field's Rule says, since docs/numbers.md is made from it: the
// default, 0 itself, or off.
func TestADefaultIsWhatTheRuleSays(t *testing.T) {
	for _, k := range stage.Kinds() {
		resolved, err := k.Resolve(k.Config())
		if err != nil {
			continue // a deadline has no default
		}
		v, numbers := reflect.ValueOf(resolved), 0
		for i := range v.NumField() {
			field := v.Field(i)
			if !field.CanInt() && !field.CanFloat() {
				continue
			}
			name := k.Name() + "." + v.Type().Field(i).Name
			switch rule := vary.Rule(k, v.Type().Field(i).Name); {
			case rule.Default != nil:
				require.Equal(t, rule.Default, field.Interface(), name)
				numbers++
			case len(rule.Special) > 0:
				require.Contains(t, []string{"0", "0s", "-1", "-1ns"}, fmt.Sprint(field.Interface()), name)
			default: // one of several choices, 0 included
				require.True(t, field.IsZero(), name)
			}
		}
		require.Positive(t, numbers, k.Name())
	}
}

func TestAGuardHasNoKind(t *testing.T) {
	k := stage.Of(door{})
	require.Empty(t, k.Name())
	require.Equal(t, stage.Traits{Wait: stage.Endless}, k.Traits(nil))
	require.Equal(t, stage.Plain, k.Worth(door{}))
	require.Empty(t, k.Report(door{}))
	_, ok := stage.OfConfig(door{})
	require.False(t, ok)
	b, err := bulkhead.New(bulkhead.Config{})
	require.NoError(t, err)
	_, ok = stage.OfConfig(b)
	require.False(t, ok, "it was built already")
}

// A copy shares no settings with the original, but shares what has a state.
func TestCopy(t *testing.T) {
	k, _ := stage.OfConfig(retry.Config{})
	c := retry.Config{Adaptive: &retry.Adaptive{MinSamples: 7}}
	copied, ok := k.Copy(c).(retry.Config)
	require.True(t, ok)
	require.Equal(t, c.Adaptive, copied.Adaptive)
	require.NotSame(t, c.Adaptive, copied.Adaptive)
	require.Equal(t, retry.Config{MaxRetries: 2}, k.Copy(retry.Config{MaxRetries: 2}))
	require.True(t, stage.IsData(reflect.TypeFor[*retry.Adaptive]()))
	require.False(t, stage.IsData(reflect.TypeFor[*breaker.Breaker]()))
}

// A kind without Renew is built anew.
func TestWhatASpecLeavesOut(t *testing.T) {
	k, _ := stage.OfConfig(bulkhead.Config{})
	b, err := bulkhead.New(bulkhead.Config{})
	require.NoError(t, err)
	another, err := k.Another(b, bulkhead.Config{}, "hosts", "[a]")
	require.NoError(t, err)
	require.NotSame(t, b, another)
	require.Equal(t, b.Config(), k.InForce(another))
	require.Equal(t, resilience.Stage(bulkhead.Config{}), k.Named(bulkhead.Config{}, "hosts", "[a]"))
	require.Equal(t, resilience.Policy(b), stage.PlaceIn([]resilience.Policy{b}, 0).Link())
}
