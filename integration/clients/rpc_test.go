package clients

import (
	"errors"
	"testing"

	"connectrpc.com/connect"
	"github.com/twitchtv/twirp"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestGRPC(t *testing.T) {
	of := func(c codes.Code) error { return status.Error(c, "x") }
	check(t, []row{
		{name: "Unavailable", err: of(codes.Unavailable), should: transient},
		{name: "DeadlineExceeded", err: of(codes.DeadlineExceeded), should: transient},
		{name: "ResourceExhausted", err: of(codes.ResourceExhausted), should: overload},
		{name: "a message over the limit", should: permanent,
			err: status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)")},
		{name: "Canceled, by the server", err: of(codes.Canceled), should: canceled},
		{name: "the connection is closing", err: grpc.ErrClientConnClosing, should: canceled}, //nolint:staticcheck // what it returns is the value
		{name: "Aborted", err: of(codes.Aborted), should: transient},
		{name: "NotFound", err: of(codes.NotFound), should: permanent},
		{name: "InvalidArgument", err: of(codes.InvalidArgument), should: permanent},
		{name: "AlreadyExists", err: of(codes.AlreadyExists), should: permanent},
		{name: "PermissionDenied", err: of(codes.PermissionDenied), should: permanent},
		{name: "Unauthenticated", err: of(codes.Unauthenticated), should: permanent},
		{name: "FailedPrecondition", err: of(codes.FailedPrecondition), should: permanent},
		{name: "OutOfRange", err: of(codes.OutOfRange), should: permanent},
		{name: "Unimplemented", err: of(codes.Unimplemented), should: permanent},
		{name: "Internal", err: of(codes.Internal), should: unclassified},
		{name: "Unknown", err: of(codes.Unknown), should: unclassified},
		{name: "DataLoss", err: of(codes.DataLoss), should: unclassified},
		{name: "a number that is no code", err: of(99), should: unclassified},
	})
}

func TestOtherRPC(t *testing.T) {
	failed := errors.New("x")
	check(t, []row{
		{name: "connect: unavailable", err: connect.NewError(connect.CodeUnavailable, failed), should: transient},
		{name: "connect: resource_exhausted", err: connect.NewError(connect.CodeResourceExhausted, failed), should: overload},
		{name: "connect: invalid_argument", err: connect.NewError(connect.CodeInvalidArgument, failed), should: permanent},
		{name: "connect: canceled", err: connect.NewError(connect.CodeCanceled, failed), should: canceled},
		{name: "connect: internal", err: connect.NewError(connect.CodeInternal, failed), should: unclassified},
		{name: "twirp: unavailable", err: twirp.NewError(twirp.Unavailable, "x"), should: transient},
		{name: "twirp: deadline_exceeded", err: twirp.NewError(twirp.DeadlineExceeded, "x"), should: transient},
		{name: "twirp: bad_route", err: twirp.NewError(twirp.BadRoute, "x"), should: permanent},
		{name: "etcd: no leader", err: rpctypes.ErrNoLeader, should: transient},
		{name: "etcd: too many requests", err: rpctypes.ErrTooManyRequests, should: overload},
		{name: "etcd: compacted", err: rpctypes.ErrCompacted, should: permanent},
	})
}
