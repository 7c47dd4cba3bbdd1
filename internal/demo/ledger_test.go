package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

func status(code int) error {
	return &resilience.Error{Kind: resilience.KindExternalAPI, Status: code}
}

func TestOutcome(t *testing.T) {
	for _, test := range []struct {
		name     string
		err      error
		attempts int
		late     bool
		playOver bool
		want     Outcome
	}{
		{"success", nil, 1, false, false, Good},
		{"success after retries", nil, 3, false, false, Good},
		{"success, too late", nil, 1, true, false, TimedOut},
		{"success while the play is being ended", nil, 1, false, true, Good},
		{"cut short", context.Canceled, 1, false, true, Interrupted},
		{"out of time", context.DeadlineExceeded, 2, false, false, TimedOut},
		{"queue full", status(http.StatusServiceUnavailable), 4, false, false, TurnedAway},
		{"fault", status(http.StatusInternalServerError), 4, false, false, Failed},
		{"network", io.ErrUnexpectedEOF, 1, false, false, Failed},
		{"breaker open", gobreaker.ErrOpenState, 0, false, false, Refused},
		{"breaker opened between attempts", gobreaker.ErrOpenState, 2, false, false, Refused},
		{"breaker busy probing", gobreaker.ErrTooManyRequests, 1, false, false, Refused},
		{"what the dependency said goes before why the client stopped",
			errors.Join(gobreaker.ErrOpenState, fmt.Errorf("attempt 2: %w", status(503))), 2, false, false, TurnedAway},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, outcome(test.err, test.attempts, !test.late, test.playOver))
		})
	}
}
