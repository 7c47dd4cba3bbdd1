package holdfastgrpc

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/media-gateway/holdfast/adapter/rpc"
)

// again returns ctx for a retry. previous is the number of attempts before it.
func again(ctx context.Context, previous int) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		md = metadata.MD{}
	}
	md.Set(rpc.AttemptsKey, strconv.Itoa(previous))
	return metadata.NewOutgoingContext(ctx, md)
}

// PreviousAttempts returns the number of earlier attempts of the call that a server handles under
// ctx. It returns 0 for the first attempt, or if the client does not say.
func PreviousAttempts(ctx context.Context) int {
	return rpc.ParseAttempts(metadata.ValueFromIncomingContext(ctx, rpc.AttemptsKey))
}

// writePushback returns the trailer of a refusal. It asks for a pause, rounded up to milliseconds;
// a negative pause tells clients not to retry.
func writePushback(pause time.Duration) metadata.MD {
	return metadata.Pairs(rpc.PushbackKey, rpc.FormatPushback(pause), rpc.RefusedKey, rpc.RefusedValue)
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
