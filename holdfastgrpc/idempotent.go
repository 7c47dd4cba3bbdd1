package holdfastgrpc

import (
	"context"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

type idempotentKey struct{}

// MarkIdempotent returns a ctx whose calls may be carried out twice without harm, so that they are
// retried also where the server may have carried out the first try: a payment, say, whose
// request has an idempotency key that the server heeds. The mark holds for every call under the ctx.
func MarkIdempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey{}, true)
}

// isIdempotent is asked about failed calls only, so it may take its time.
func (s *settings) isIdempotent(ctx context.Context, method string) bool {
	return s.isNamedIdempotent(method) || ctx.Value(idempotentKey{}) != nil || isDeclaredIdempotent(method)
}

// isDeclaredIdempotent reports whether the method's .proto file gives it an idempotency_level. The
// registry knows the files whose generated code is linked into the program.
func isDeclaredIdempotent(method string) bool {
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + name))
	if err != nil {
		return false
	}
	options, ok := d.Options().(*descriptorpb.MethodOptions)
	return ok && options.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
}
