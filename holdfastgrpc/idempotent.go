package holdfastgrpc

import (
	"context"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// mayRepeat reports whether a call may be carried out twice. A mark of its ctx decides, else its
// method. It is called for failed calls only, so it need not be fast.
func (o *options) mayRepeat(ctx context.Context, method string) bool {
	return rpc.MayRepeat(ctx, func() bool {
		return o.idempotent.Has(method) || levelOf(method) != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
	})
}

// onlyReads reports whether a call changes nothing on the server: the method's .proto file says so,
// and the call is not marked by MarkOnce.
func onlyReads(ctx context.Context, method string) bool {
	return resilience.RepetitionOf(ctx) != resilience.Once && levelOf(method) == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
}

// levelOf returns the idempotency_level that the method's .proto file gives it. It finds only files
// whose generated code is linked into the program.
func levelOf(method string) descriptorpb.MethodOptions_IdempotencyLevel {
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + name))
	if err != nil {
		return descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
	}
	options, _ := d.Options().(*descriptorpb.MethodOptions)
	return options.GetIdempotencyLevel()
}
