package agree_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastconnect"
)

// connectLevels are the procedures, and what their schemas say of them.
var connectLevels = map[string]connect.IdempotencyLevel{
	"/holdfast.agree.Bank/Pay":  connect.IdempotencyUnknown,
	"/holdfast.agree.Bank/Set":  connect.IdempotencyIdempotent,
	"/holdfast.agree.Bank/Read": connect.IdempotencyNoSideEffects,
}

// connectService answers with the code that the request says, by Connect's protocol over HTTP/2
// without TLS.
func connectService(t *testing.T) service {
	t.Helper()
	var count atomic.Int64
	mux := http.NewServeMux()
	for procedure, level := range connectLevels {
		mux.Handle(procedure, connect.NewUnaryHandler(procedure, func(_ context.Context, in *connect.Request[wrapperspb.Int32Value]) (*connect.Response[wrapperspb.Int32Value], error) {
			count.Add(1)
			if code := in.Msg.GetValue(); code != 0 {
				return nil, connect.NewError(connect.Code(code), errors.New("as was asked for")) //nolint:gosec // one of the codes
			}
			return connect.NewResponse(in.Msg), nil
		}, connect.WithIdempotency(level)))
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = quiet
	server.Config.Protocols = protocols
	server.Start()
	t.Cleanup(server.Close)
	dial := func(t *testing.T, w *world, p *holdfast.Pipeline) client {
		t.Helper()
		interceptor, err := holdfastconnect.NewClientInterceptor(p)
		require.NoError(t, err)
		base := &http.Transport{Protocols: protocols}
		t.Cleanup(base.CloseIdleConnections)
		send := func(name string, code connect.Code) func(context.Context) error {
			procedure := "/holdfast.agree.Bank/" + name
			c := connect.NewClient[wrapperspb.Int32Value, wrapperspb.Int32Value](
				&http.Client{Transport: base}, "http://"+w.proxy.Addr()+procedure,
				connect.WithInterceptors(interceptor), connect.WithIdempotency(connectLevels[procedure]))
			return func(ctx context.Context) error {
				_, err := c.CallUnary(ctx, connect.NewRequest(wrapperspb.Int32(int32(code)))) //nolint:gosec // one of the codes
				return err
			}
		}
		return client{
			write: send("Pay", 0), repeatable: send("Set", 0), reads: send("Read", 0),
			overloaded: send("Pay", connect.CodeResourceExhausted),
			refused:    send("Pay", connect.CodeInvalidArgument), strange: send("Pay", connect.CodeUnknown),
		}
	}
	return service{addr: server.Listener.Addr().String(), connect: dial, count: &count, bare: hasHeaders}
}
