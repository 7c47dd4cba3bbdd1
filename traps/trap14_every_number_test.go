package traps_test

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: whatever number stands in whatever field of a Config, it is refused by an error that names
// the field, or makes a stage that works through an outage and after it, and that Stages gives
// back.
func TestEveryNumberIsRefusedOrWorks(t *testing.T) {
	for _, base := range []resilience.Stage{
		breaker.Config{}, breaker.Config{FailureRatio: -1}, breaker.Config{SlowCallDuration: time.Second},
		retry.Config{}, retry.Config{MaxRetries: 1}, budget.Config{}, bulkhead.Config{},
		bulkhead.Config{MaxWait: time.Second}, deadline.In(time.Second),
	} {
		for i := range reflect.TypeOf(base).NumField() {
			field := reflect.TypeOf(base).Field(i)
			for _, number := range numbers(field.Type.Kind()) {
				t.Run(fmt.Sprintf("%T/%s/%v", base, field.Name, number), func(t *testing.T) {
					config := reflect.New(reflect.TypeOf(base)).Elem()
					config.Set(reflect.ValueOf(base))
					config.Field(i).Set(number.Convert(field.Type))
					stage, ok := config.Interface().(resilience.Stage)
					require.True(t, ok)
					synctest.Test(t, func(t *testing.T) { refusedOrWorks(t, field.Name, stage) })
				})
			}
		}
	}
}

// numbers are those of a kind that are most likely to be handled wrongly.
func numbers(kind reflect.Kind) (all []reflect.Value) {
	switch kind { //nolint:exhaustive // others are no numbers
	case reflect.Int, reflect.Int64:
		for _, n := range []int64{0, -1, -2, 1, 2, math.MaxInt32, math.MaxInt, math.MinInt} {
			all = append(all, reflect.ValueOf(n))
		}
	case reflect.Float64:
		for _, n := range []float64{
			0, -1, -0.5, math.SmallestNonzeroFloat64, 0.5, 1, 1 + 1e-9, 1e300, math.Inf(1), math.Inf(-1), math.NaN(),
		} {
			all = append(all, reflect.ValueOf(n))
		}
	}
	return all
}

func refusedOrWorks(t *testing.T, field string, stage resilience.Stage) {
	t.Helper()
	if _, err := stage.Build(); err != nil {
		require.ErrorContains(t, err, field)
		return
	}
	stages := []resilience.Stage{stage}
	if _, ok := stage.(budget.Config); ok {
		stages = append(stages, retry.Config{})
	}
	p, err := holdfast.New("payments", stages...)
	require.NoError(t, err)
	again, err := holdfast.New("payments", p.Stages()...)
	require.NoError(t, err)
	require.Equal(t, p.String(), again.String())
	require.Equal(t, p.Stages(), again.Stages())

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	attempts := 0
	for range 50 {
		_ = p.Do(ctx, func(ctx context.Context) error {
			if attempts++; attempts > 1000 {
				return nil
			}
			return failing(ctx)
		})
	}
	_, _ = p.Snapshot(), p.Lint()
	time.Sleep(time.Hour)
	for _, b := range p.Snapshot().Breakers {
		time.Sleep(b.RetryAfter)
	}
	require.NoError(t, p.Do(t.Context(), working))
	require.Zero(t, p.Snapshot().Live)
}
