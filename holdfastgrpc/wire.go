package holdfastgrpc

import (
	"errors"
	"reflect"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/media-gateway/holdfast/resilience"
)

// wire is what call options tell about an attempt.
//
// Only gRPC's own word proves that an attempt was not sent: it ended the call with the very error
// that came back (OnFinish), and did not touch the trailer. gRPC sets the trailer at the end of
// every call that had a connection, before it calls OnFinish. A missing peer proves nothing: a
// connection may not know its address, and an interceptor inside may drop the options.
type wire struct {
	trailer metadata.MD // untouched until gRPC sets it
	room    [8]grpc.CallOption

	mu       sync.Mutex
	finished error // with which gRPC ended the call; nil if it did not, or well
}

// untouched is the trailer before gRPC has set it. It is recognized by its identity, and never
// written to.
var untouched = metadata.MD{}

// watched returns opts with those that fill w.
func (w *wire) watched(opts []grpc.CallOption) []grpc.CallOption {
	w.trailer = untouched
	return append(append(w.room[:0], opts...), grpc.Trailer(&w.trailer), grpc.OnFinish(w.finish))
}

func (w *wire) finish(err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished = err
}

// begin prepares w for another attempt.
func (w *wire) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trailer, w.finished = untouched, nil
}

// unsent reports whether err, with which an attempt ended, proves that it was not sent: gRPC had no
// connection for it, or an interceptor inside says so of a call that gRPC did not see.
func (w *wire) unsent(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !isUntouched(w.trailer) {
		return false
	}
	return w.finished != nil && wraps(err, w.finished) || resilience.Unsent(err)
}

// received returns the trailer that came, if one did.
func (w *wire) received() metadata.MD {
	w.mu.Lock()
	defer w.mu.Unlock()
	if isUntouched(w.trailer) {
		return nil
	}
	return w.trailer
}

func isUntouched(md metadata.MD) bool {
	return reflect.ValueOf(md).Pointer() == reflect.ValueOf(untouched).Pointer()
}

// wraps reports whether target itself is in err's chain. Two errors of gRPC with the same status
// are the same to errors.Is.
func wraps(err, target error) bool {
	if !reflect.TypeOf(target).Comparable() {
		return false
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if err == target { //nolint:errorlint // identity
			return true
		}
	}
	return false
}
