package rpc_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

func TestCodes(t *testing.T) {
	for code := rpc.OK; code <= rpc.Unauthenticated+1; code++ {
		dependency, alone := resilience.Permanent, resilience.Permanent
		switch code {
		case rpc.OK:
			dependency, alone = resilience.Success, resilience.Success
		case rpc.Canceled, rpc.DeadlineExceeded, rpc.Unavailable:
			dependency, alone = resilience.Transient, resilience.Transient
		case rpc.ResourceExhausted:
			dependency, alone = resilience.Overload, resilience.Overload
		case rpc.Internal, rpc.DataLoss:
			dependency, alone = resilience.Transient, resilience.Unclassified
		case rpc.Unknown, rpc.Unauthenticated + 1:
			dependency, alone = resilience.Unclassified, resilience.Unclassified
		default: // the caller's fault
		}
		assert.Equal(t, dependency, code.DependencyVerdict(false), code)
		assert.Equal(t, alone, code.Verdict(false), code)
		assert.Equal(t, code != rpc.OK && code <= rpc.Unauthenticated, code.IsError(), code)
	}
	assert.Equal(t, resilience.Permanent, rpc.ResourceExhausted.Verdict(true))

	j := resilience.Judgment{Dependency: resilience.Permanent, Retry: resilience.Permanent}
	assert.Equal(t, resilience.Transient, rpc.Aborted.Judge(j, []rpc.Code{rpc.Aborted}).Retry)
	assert.Equal(t, resilience.Permanent, rpc.Aborted.Judge(j, []rpc.Code{rpc.NotFound}).Retry)
	j.Retry = resilience.Canceled
	assert.Equal(t, resilience.Canceled, rpc.Internal.Judge(j, []rpc.Code{rpc.Internal}).Retry)
}

func TestSignals(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "-1", 0: "0", 1: "1", time.Millisecond: "1", time.Millisecond + 1: "2", math.MaxInt64: "2147483647",
	} {
		assert.Equal(t, want, rpc.FormatPushback(d), d)
	}
	for value, want := range map[string]rpc.Pushback{
		"0":                       {Asked: true},
		"7":                       {Asked: true, Pause: 7 * time.Millisecond},
		"-1":                      {Asked: true, Stop: true},
		"":                        {Asked: true, Stop: true},
		"99999999999999999999999": {Asked: true, Stop: true},
	} {
		assert.Equal(t, want, rpc.ParsePushback([]string{value}), value)
	}
	assert.Equal(t, rpc.Pushback{}, rpc.ParsePushback(nil))
	assert.True(t, rpc.ParsePushback([]string{"1", "1"}).Stop)

	asks := &resilience.CallError{Err: errors.New("open"), Pause: time.Second}
	assert.Equal(t, time.Second, rpc.RefusalPause(asks, time.Minute))
	assert.Equal(t, time.Minute, rpc.RefusalPause(errors.New("full"), time.Minute))
	assert.Negative(t, rpc.RefusalPause(asks, -1))

	assert.Equal(t, 3, rpc.ParseAttempts([]string{"3"}))
	for _, values := range [][]string{nil, {"-3"}, {"x"}, {"1", "2"}} {
		assert.Zero(t, rpc.ParseAttempts(values))
	}
	assert.True(t, rpc.RefusedBy([]string{"1"}))
	assert.False(t, rpc.RefusedBy([]string{"1", "1"}))
	assert.False(t, rpc.RefusedBy(nil))
	assert.Equal(t, resilience.ReasonNone, rpc.GaveUpBy(nil))
	assert.Equal(t, resilience.ReasonBudget, rpc.GaveUpBy([]string{resilience.ReasonBudget.String()}))
}
