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

// The names are gRPC's own: proposal A6, client retries.
const (
	attemptsKey = "grpc-previous-rpc-attempts"
	pushbackKey = "grpc-retry-pushback-ms"
)

// again returns ctx for another attempt after the given number.
func again(ctx context.Context, previous int) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		md = metadata.MD{}
	}
	md.Set(attemptsKey, strconv.Itoa(previous))
	return metadata.NewOutgoingContext(ctx, md)
}

// PreviousAttempts returns how many attempts of the call came before the one that a server handles
// under ctx: 0 for the first, and where the client does not say.
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
	pause time.Duration // if not to stop: the least pause
}

// readPushback reads the server's wish. One that it cannot read means not to retry, as in gRPC.
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

// writePushback returns the trailer of a refusal, which asks for a pause.
func writePushback(pause time.Duration) metadata.MD {
	ms := int64(-1)
	if pause >= 0 {
		ms = min(int64((pause+time.Millisecond-1)/time.Millisecond), math.MaxInt32)
	}
	return metadata.Pairs(pushbackKey, strconv.FormatInt(ms, 10), refusedKey, "1")
}

// forget empties what the last attempt left in the caller's options: an attempt that gets no
// connection would leave it there.
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
