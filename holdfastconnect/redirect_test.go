package holdfastconnect_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/resilience"
)

// A server may answer before net/http has told that all of the request was written. The request
// that a redirect asks for is no repeat. Over HTTP/2 connect-go 1.21.1 itself loses the body in one
// redirect of ten.
func TestARedirectIsNoRepeat(t *testing.T) {
	b := &bank{}
	b.unary = func(context.Context, int, *connect.Request[text]) (string, error) { return "paid", nil }
	b.before = func(w http.ResponseWriter, r *http.Request) bool {
		to, old := strings.CutPrefix(r.URL.Path, "/old")
		if old {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		}
		return old
	}
	b.serve(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	base, err := holdfastconnect.NewHTTPClient(&http.Client{Transport: transport})
	require.NoError(t, err)
	c := connect.NewClient[text, text](base, b.url+"/old"+pay, connect.WithInterceptors(clientInterceptor(t, pipeline(t, quickly(1)))))
	for range 200 {
		answer, err := c.CallUnary(resilience.MarkOnce(t.Context()), connect.NewRequest(wrapperspb.String("10 EUR")))
		require.NoError(t, err)
		require.Equal(t, "paid", answer.Msg.GetValue())
	}
	require.Equal(t, int64(200), b.calls.Load())
}
