package config_test

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// What a change starts from has to be so still: else nothing changes, and the error says of each
// key how it is.
func TestATuneFromWhatWasSeen(t *testing.T) {
	type of = map[string]string
	p := holdfast.Must(holdfast.New("payments", deadline.In(2*time.Second), bulkhead.Config{}, retry.Config{Adaptive: &retry.Adaptive{}}))
	before := fmt.Sprint(p.Stages())
	for _, c := range []struct {
		was, values of
		want        string
		turned      bool
	}{
		{of{"retry.max_retries": "4"}, of{"retry.max_retries": "9"}, `config: retry.max_retries is 3 now, and no longer "4"; look at it again before you change it`, true},
		{of{"deadline": "3s"}, of{"retry.max_retries": "9"}, `config: deadline is 2s now, and no longer "3s"; look at it again before you change it`, true},
		{of{"retry.adaptive": "off"}, of{"retry.adaptive": "on"}, `config: retry.adaptive is on now, and no longer "off"; look at it again before you change it`, true},
		{of{"bulkhead.adaptive.cut_to": "0.5"}, nil, `config: bulkhead.adaptive.cut_to was "0.5", and bulkhead.adaptive is off now; look at it again before you change it`, true},
		{of{"breaker.window": "10s"}, of{"retry.max_retries": "9"}, `config: breaker.window was "10s", and the pipeline has no breaker any more; look at it again before you change it`, true},
		{of{"retry.max_retrys": "3"}, of{"retry.max_retries": "9"}, `config: unknown key "retry.max_retrys"`, false},
		{of{"retry": "on"}, of{"retry.max_retries": "9"}, "config: retry cannot be turned: a tuning adds no stage and takes none away; an update does", false},
		{of{"rps": "5"}, nil, "config: rps cannot be turned: only the linter uses it", false},
		{of{"bulkhead.per": "call"}, nil, "config: bulkhead.per cannot be turned: a stage keeps its place; an update moves it", false},
		{of{"bulkhead.per": "call"}, of{"bulkhead.per": "call"}, "config: bulkhead.per cannot be turned: a stage keeps its place; an update moves it", false},
	} {
		changed, err := config.TuneFrom(t.Context(), p, "mary", c.was, c.values)
		require.EqualError(t, err, c.want)
		require.Empty(t, changed)
		require.Equal(t, c.turned, isTurned(err), c.want)
		require.Equal(t, before, fmt.Sprint(p.Stages()))
	}
	for _, c := range []struct {
		was, values of
		want        string
	}{
		{nil, nil, "[]"},
		{of{"retry.max_retries": "3"}, nil, "[]"},
		{of{"retry.max_retries": "3"}, of{"retry.max_retries": "3"}, "[]"},
		{of{"retry.max_retries": "3", "deadline": "2s"}, of{"retry.max_retries": "4"}, "[{retry.max_retries 3 4}]"},
		{of{"bulkhead.adaptive": "off", "bulkhead.adaptive.cut_to": "0.9"}, of{"bulkhead.adaptive": "on"}, "[{bulkhead.max_concurrent 64 unlimited} {bulkhead.adaptive off on}]"},
	} {
		changed, err := config.TuneFrom(t.Context(), p, "mary", c.was, c.values)
		require.NoError(t, err)
		require.Equal(t, c.want, fmt.Sprint(changed))
	}
}

func isTurned(err error) bool { return errors.Is(err, config.ErrTurned) }

// Many who count up by one, each from what they saw: none overwrites another.
func TestManyTuneFromWhatTheySaw(t *testing.T) {
	p := holdfast.Must(holdfast.New("payments", retry.Config{MaxRetries: 1}))
	var made atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				c, _ := p.Stages()[0].(retry.Config)
				was := map[string]string{"retry.max_retries": fmt.Sprint(c.MaxRetries)}
				values := maps.Clone(was)
				values["retry.max_retries"] = fmt.Sprint(c.MaxRetries + 1)
				switch _, err := config.TuneFrom(t.Context(), p, "", was, values); {
				case err == nil:
					made.Add(1)
				case !isTurned(err):
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	c, _ := p.Stages()[0].(retry.Config)
	require.Equal(t, 1+int(made.Load()), c.MaxRetries)
}
