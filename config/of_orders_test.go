package config

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Every order of every set of stages comes back as it was, or is noted as one that a file cannot
// have. An order that a file can have is not noted.
func TestServiceOfEveryOrder(t *testing.T) {
	stages := map[string]resilience.Stage{
		"deadline": deadline.In(2 * time.Second), "attempt_deadline": deadline.In(time.Second),
		"bulkhead": bulkhead.Config{}, "retry": retry.Config{}, "breaker": breaker.Config{},
	}
	sayable := map[string]bool{} // the orders that services of a file have
	for _, per := range [][2]Per{{PerCall, PerCall}, {PerCall, PerAttempt}, {PerAttempt, PerCall}, {PerAttempt, PerAttempt}} {
		for left := range 1 << len(sections) { // each bit is a section that is left out
			s := Service{BulkheadPer: per[0], BreakerPer: per[1]}
			for i := range sections {
				if c, ok := stages[sections[i].path]; ok && left>>i&1 == 0 {
					sections[i].slot.set(&s, c)
				}
			}
			sayable[orderOf(s.Stages())] = true
		}
	}
	noted := 0
	for row := range orders(slices.Collect(maps.Values(stages))) {
		s, err := serviceOf("x", row)
		require.NoError(t, err)
		order := orderOf(row)
		require.Equal(t, sayable[order], len(s.Notes()) == 0, "%s: %s", order, s.Notes())
		if len(s.Notes()) > 0 {
			noted++
			continue
		}
		require.Equal(t, order, orderOf(s.Stages()))
	}
	require.Positive(t, noted)
}

// orderOf names the stages of a row.
func orderOf(row []resilience.Stage) (names string) {
	for _, c := range row {
		names += fmt.Sprintf("%T ", c)
	}
	return names
}

// orders yields every order of every set of stages.
func orders(of []resilience.Stage) func(yield func([]resilience.Stage) bool) {
	return func(yield func([]resilience.Stage) bool) {
		var add func(row []resilience.Stage, used int) bool
		add = func(row []resilience.Stage, used int) bool {
			if len(row) > 0 && !yield(slices.Clone(row)) {
				return false
			}
			for i, c := range of {
				if used>>i&1 == 0 && !add(append(row, c), used|1<<i) {
					return false
				}
			}
			return true
		}
		add(nil, 0)
	}
}
