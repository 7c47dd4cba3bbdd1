package holdfastgrpc

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/media-gateway/holdfast/adapter/rpc"
)

// isTooLarge reports whether a status says that a message was over a limit, which is the caller's
// fault. Facts decide before the text does: a server that asks for a pause or names a quota is
// busy, and a message that exceeds this client's limit was not sent.
func isTooLarge(st *status.Status, asked rpc.Pushback, sent, limit int) bool {
	switch {
	case st.Code() != codes.ResourceExhausted || asked.Asked:
		return false
	case overLimit(sent, limit):
		return true
	}
	for _, detail := range st.Details() {
		switch detail.(type) {
		case *errdetails.RetryInfo, *errdetails.QuotaFailure:
			return false
		}
	}
	return rpc.SaysTooLarge(st.Message())
}

// overLimit reports whether gRPC refuses to send a message of that size. limit is 0 if unknown.
func overLimit(size, limit int) bool { return limit > 0 && size > limit }

// sizeOf returns the size of m in bytes, if it is known.
func sizeOf(m any) (int, bool) {
	switch m := m.(type) {
	case proto.Message:
		return proto.Size(m), true
	case interface{ Size() int }:
		return m.Size(), true
	}
	return 0, false
}

// sendLimit returns the largest size of a message that the call options allow, in bytes. It returns
// 0 if that is not certain: a compressor or another codec changes the size.
func sendLimit(options []grpc.CallOption) int {
	limit := 0
	for _, o := range options {
		switch o := o.(type) {
		case grpc.MaxSendMsgSizeCallOption:
			limit = o.MaxSendMsgSize
		case grpc.CompressorCallOption:
			return 0
		case grpc.ForceCodecCallOption, grpc.ForceCodecV2CallOption, grpc.CustomCodecCallOption:
			return 0
		}
	}
	return limit
}
