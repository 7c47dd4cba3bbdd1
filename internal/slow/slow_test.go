package slow_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/slow"
	"github.com/media-gateway/holdfast/resilience"
)

func TestFailure(t *testing.T) {
	refused := errors.New("connection refused")
	overload := resilience.MarkOverload(errors.New("503"), 0)
	for name, test := range map[string]struct {
		err         error
		took, limit time.Duration
		want        bool
	}{
		"a success":                              {nil, time.Second, time.Second, false},
		"quick":                                  {refused, time.Millisecond, time.Second, false},
		"half of the time":                       {refused, 500 * time.Millisecond, time.Second, false},
		"more than half of it":                   {refused, 501 * time.Millisecond, time.Second, true},
		"not measured":                           {refused, 0, time.Second, false},
		"no limit known":                         {refused, time.Hour, 0, false},
		"overload, however quick":                {overload, 0, 0, true},
		"its time ran out":                       {context.DeadlineExceeded, 0, 0, true},
		"a client's own timeout":                 {&net.DNSError{IsTimeout: true}, 0, 0, true},
		"the caller's mistake, however long":     {resilience.MarkPermanent(refused), time.Second, time.Second, false},
		"a stage refused, after a wait":          {resilience.MarkRejected(refused), time.Second, time.Second, false},
		"nobody knows what it means, but slowly": {errors.New("?"), time.Second, time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			j := resilience.Assess(t.Context(), nil, test.err)
			require.Equal(t, test.want, slow.Failure(j, test.err, test.took, test.limit))
		})
	}
}

func TestACallerWhoGaveUpIsNoSlowFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	j := resilience.Assess(ctx, nil, context.Canceled)
	require.False(t, slow.Failure(j, context.Canceled, time.Hour, time.Second))
}
