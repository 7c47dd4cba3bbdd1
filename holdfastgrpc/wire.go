package holdfastgrpc

import (
	"errors"
	"reflect"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/media-gateway/holdfast/resilience"
)

// wire records what gRPC reports about an attempt through call options.
//
// It is proven that an attempt was not sent if gRPC called OnFinish with exactly the error that was
// returned, and did not set the trailer. gRPC sets the trailer at the end of every call that had a
// connection, before it calls OnFinish. A missing peer proves nothing: a connection may not know
// its address, and an inner interceptor may drop the options.
type wire struct {
	trailer metadata.MD // untouched until gRPC sets it
	room    [8]grpc.CallOption

	mu       sync.Mutex
	finished error // of OnFinish; nil before that, or after a success
	success  bool  // OnFinish told of a success
	ended    int   // calls of which OnFinish told, from the first that had a connection on
}

// untouched is the trailer before gRPC has set it. It is compared by identity, and never written
// to.
var untouched = metadata.MD{}

// watched returns opts and the options that fill w.
func (w *wire) watched(opts []grpc.CallOption) []grpc.CallOption {
	w.trailer = untouched
	return append(append(w.room[:0], opts...), grpc.Trailer(&w.trailer), grpc.OnFinish(w.finish))
}

func (w *wire) finish(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !isUntouched(w.trailer) {
		w.ended++
	}
	if err == nil {
		w.success = true
		return
	}
	w.finished = err
}

// begin prepares w for another attempt.
func (w *wire) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trailer, w.finished, w.success, w.ended = untouched, nil, false, 0
}

// unsent reports whether err, the error of an attempt, proves that it was not sent: gRPC had no
// connection for it, or an inner interceptor failed before gRPC saw the call, and says so.
func (w *wire) unsent(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !isUntouched(w.trailer) {
		return false
	}
	return w.finished != nil && wraps(err, w.finished) || resilience.Unsent(err)
}

// answered reports whether the server has answered with success. If the attempt failed even so, an
// inner interceptor made the error of the answer.
func (w *wire) answered() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.success
}

// repeated reports whether the attempt was more than one call, since an interceptor inside called
// again. The error is that of the last one, and says nothing about those before it.
func (w *wire) repeated() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended > 1
}

// received returns the trailer, nil if gRPC set none.
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

// wraps reports whether target itself is in err's chain. errors.Is cannot tell: it takes two gRPC
// errors with the same status for the same error.
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
