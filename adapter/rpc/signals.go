package rpc

import (
	"math"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
)

// The metadata by which servers and clients tell each other about attempts, in lower case. The
// names that begin with grpc- are from gRPC's proposal A6, client retries.
const (
	// AttemptsKey is sent with each attempt except the first: how many attempts came before it.
	AttemptsKey = "grpc-previous-rpc-attempts"
	// PushbackKey is sent with a failure: after how many milliseconds to try again.
	PushbackKey = "grpc-retry-pushback-ms"
	// GaveUpKey is sent with a failure that clients should not retry: see adapter.GaveUp.
	GaveUpKey = "holdfast-gave-up"
	// RefusedKey is sent, with the value RefusedValue, with a call whose handler did not run.
	RefusedKey   = "holdfast-refused"
	RefusedValue = "1"
)

// ParseAttempts returns the number in AttemptsKey. It returns 0 if there is not exactly one valid
// value.
func ParseAttempts(values []string) int {
	if len(values) != 1 {
		return 0
	}
	n, err := strconv.Atoi(values[0])
	if err != nil {
		return 0
	}
	return max(0, n)
}

// Pushback is what a server asked for by PushbackKey.
type Pushback struct {
	Asked bool
	Stop  bool          // do not retry
	Pause time.Duration // unless Stop: the minimum pause
}

// ParsePushback parses the values of PushbackKey. As in gRPC, an invalid value means: do not retry.
func ParsePushback(values []string) Pushback {
	if len(values) == 0 {
		return Pushback{}
	}
	ms, err := strconv.ParseInt(values[0], 10, 32)
	if len(values) > 1 || err != nil || ms < 0 {
		return Pushback{Asked: true, Stop: true}
	}
	return Pushback{Asked: true, Pause: time.Duration(ms) * time.Millisecond}
}

// RefusalPause returns the pause that a server asks for when it refuses a call with err: that of
// err if it has one, else byDefault. A negative byDefault tells clients not to retry, whatever err
// says.
func RefusalPause(err error, byDefault time.Duration) time.Duration {
	pause := resilience.RetryAfter(err)
	if pause == 0 || byDefault < 0 {
		pause = byDefault
	}
	return pause
}

// FormatPushback returns the value of PushbackKey that asks for a pause, rounded up to
// milliseconds. A negative pause tells clients not to retry.
func FormatPushback(pause time.Duration) string {
	ms := int64(-1)
	if pause >= 0 {
		ms = int64(pause / time.Millisecond)
		if pause%time.Millisecond > 0 {
			ms++
		}
		ms = min(ms, math.MaxInt32)
	}
	return strconv.FormatInt(ms, 10)
}

// GaveUpBy returns why the server's own retries gave up, from the values of GaveUpKey. It returns
// ReasonNone if there are none.
func GaveUpBy(values []string) resilience.Reason {
	if len(values) == 0 {
		return resilience.ReasonNone
	}
	return adapter.GaveUpReason(values[0])
}

// RefusedBy reports whether the values of RefusedKey say that the handler did not run.
func RefusedBy(values []string) bool { return len(values) == 1 && values[0] == RefusedValue }
