package holdfastgrpc

import (
	"context"
	"math"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// The names are from gRPC's proposal A6, client retries.
const (
	attemptsKey = "grpc-previous-rpc-attempts"
	pushbackKey = "grpc-retry-pushback-ms"
)

// again returns ctx for a retry. previous is the number of attempts before it.
func again(ctx context.Context, previous int) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		md = metadata.MD{}
	}
	md.Set(attemptsKey, strconv.Itoa(previous))
	return metadata.NewOutgoingContext(ctx, md)
}

// PreviousAttempts returns the number of earlier attempts of the call that a server handles under
// ctx. It returns 0 for the first attempt, or if the client does not say.
func PreviousAttempts(ctx context.Context) int {
	values := metadata.ValueFromIncomingContext(ctx, attemptsKey)
	if len(values) != 1 {
		return 0
	}
	n, err := strconv.Atoi(values[0])
	if err != nil {
		return 0
	}
	return max(0, n)
}

// pushback is what a server asked for in its trailer.
type pushback struct {
	asked bool
	stop  bool          // do not retry
	pause time.Duration // unless stop: the minimum pause
}

// readPushback parses the pushback in a trailer. As in gRPC, an invalid value means: do not retry.
func readPushback(trailer metadata.MD) pushback {
	values := trailer.Get(pushbackKey)
	if len(values) == 0 {
		return pushback{}
	}
	ms, err := strconv.ParseInt(values[0], 10, 32)
	if len(values) > 1 || err != nil || ms < 0 {
		return pushback{asked: true, stop: true}
	}
	return pushback{asked: true, pause: time.Duration(ms) * time.Millisecond}
}

// writePushback returns the trailer of a refusal. It asks for a pause, rounded up to milliseconds;
// a negative pause tells clients not to retry.
func writePushback(pause time.Duration) metadata.MD {
	ms := int64(-1)
	if pause >= 0 {
		ms = min(int64((pause+time.Millisecond-1)/time.Millisecond), math.MaxInt32)
	}
	return metadata.Pairs(pushbackKey, strconv.FormatInt(ms, 10), refusedKey, "1")
}

// forget resets what the last attempt stored through the caller's options: an attempt without a
// connection would not overwrite it.
func forget(options []grpc.CallOption) {
	for _, o := range options {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = nil
		case grpc.TrailerCallOption:
			*o.TrailerAddr = nil
		case grpc.PeerCallOption:
			*o.PeerAddr = peer.Peer{}
		}
	}
}
