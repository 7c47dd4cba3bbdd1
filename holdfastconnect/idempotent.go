package holdfastconnect

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// mayRepeat reports whether a call may be carried out twice. A mark of its ctx decides, else its
// procedure.
func (o *options) mayRepeat(ctx context.Context, spec connect.Spec) bool {
	return rpc.MayRepeat(ctx, func() bool {
		return o.idempotent.Has(spec.Procedure) || levelOf(spec) != connect.IdempotencyUnknown
	})
}

// repetition says how often the server may get the request of a call.
func (o *options) repetition(ctx context.Context, spec connect.Spec) repetition {
	return repetition{
		never: !o.mayRepeat(ctx, spec),
		once:  resilience.RepetitionOf(ctx) == resilience.Once,
	}
}

// onlyReads reports whether a call changes nothing on the server: its schema says so, and the call
// is not marked by MarkOnce.
func onlyReads(ctx context.Context, spec connect.Spec) bool {
	return resilience.RepetitionOf(ctx) != resilience.Once && levelOf(spec) == connect.IdempotencyNoSideEffects
}

// levelOf returns the procedure's idempotency level: that of the client's options, where generated
// code puts it, else that of the schema.
func levelOf(spec connect.Spec) connect.IdempotencyLevel {
	if spec.IdempotencyLevel != connect.IdempotencyUnknown {
		return spec.IdempotencyLevel
	}
	method, ok := spec.Schema.(protoreflect.MethodDescriptor)
	if !ok {
		return connect.IdempotencyUnknown
	}
	options, _ := method.Options().(*descriptorpb.MethodOptions)
	return connect.IdempotencyLevel(options.GetIdempotencyLevel())
}
