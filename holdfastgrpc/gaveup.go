package holdfastgrpc

import (
	"google.golang.org/grpc/metadata"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
)

const (
	// gaveUpKey is the trailer of a failure that clients should not retry: see adapter.GaveUp. The
	// header of holdfasthttp has the same name.
	gaveUpKey = "holdfast-gave-up"

	// refusedKey is the trailer of a call that was refused before its handler ran.
	refusedKey = "holdfast-refused"
)

// signal sets the trailer gaveUpKey if err says that the handler's own retries gave up.
func signal(err error, setTrailer func(metadata.MD)) {
	if reason := adapter.GaveUp(err); reason != resilience.ReasonNone {
		setTrailer(metadata.Pairs(gaveUpKey, reason.String()))
	}
}

// gaveUpBy returns why the server's own retries gave up, ReasonNone if the trailer is not set.
func gaveUpBy(trailer metadata.MD) resilience.Reason {
	values := trailer.Get(gaveUpKey)
	if len(values) == 0 {
		return resilience.ReasonNone
	}
	return adapter.GaveUpReason(values[0])
}

// refusedBy reports whether the server says that the handler did not run.
func refusedBy(trailer metadata.MD) bool {
	values := trailer.Get(refusedKey)
	return len(values) == 1 && values[0] == "1"
}
