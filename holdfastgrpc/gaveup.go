package holdfastgrpc

import (
	"google.golang.org/grpc/metadata"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// signal sets the trailer rpc.GaveUpKey if err says that the handler's own retries gave up.
func signal(err error, setTrailer func(metadata.MD)) {
	if reason := adapter.GaveUp(err); reason != resilience.ReasonNone {
		setTrailer(metadata.Pairs(rpc.GaveUpKey, reason.String()))
	}
}
