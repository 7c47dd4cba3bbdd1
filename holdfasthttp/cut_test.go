package holdfasthttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// The response is cut after each of its bytes. A charge is carried out once, and its error says
// whether the outcome is known. A GET is sent again until the response, or at least its headers,
// are complete.
func TestAnAnswerCutAtEveryByte(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\npaid"
	headers := strings.Index(answer, "\r\n\r\n") + 4
	for cut := range len(answer) + 1 {
		for _, method := range []string{"GET", "POST"} {
			var carriedOut atomic.Int32
			addr := rawServer(t, func(conn net.Conn, n int) {
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				carriedOut.Add(1)
				end := cut
				if n > 1 {
					end = len(answer)
				}
				_, _ = io.WriteString(conn, answer[:end])
			})
			base := &http.Transport{DisableKeepAlives: true}
			gate, err := breaker.New(breaker.Config{})
			require.NoError(t, err)
			rt := newTransport(t, newPipeline(t, soon(3), gate), holdfasthttp.WithBase(base))
			req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr, strings.NewReader("10 EUR"))
			require.NoError(t, err)
			resp, err := rt.RoundTrip(req)
			where := fmt.Sprintf("%s, cut after %d bytes: %v", method, cut, err)
			switch {
			case cut >= headers:
				require.NoError(t, err, where)
				_, err = io.ReadAll(resp.Body)
				require.Equal(t, cut == len(answer), err == nil, "%s: %v", where, err)
				require.NoError(t, resp.Body.Close())
				require.EqualValues(t, 1, carriedOut.Load(), where)
			case method == "GET":
				require.NoError(t, err, where)
				require.NoError(t, resp.Body.Close())
				require.EqualValues(t, 2, carriedOut.Load(), where)
				require.EqualValues(t, 1, gate.Counts().Failures, where)
			default:
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown, where)
				require.False(t, resilience.Unsent(err), where)
				require.EqualValues(t, 1, carriedOut.Load(), where)
				require.EqualValues(t, 1, gate.Counts().Failures, where)
			}
		}
	}
}

// counter counts what is written, before anybody can have read it.
type counter struct {
	io.Writer
	n *atomic.Int64
}

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n - len(p)))
	return n, err
}

// The same in HTTP/2: everything from the server, including the TLS handshake, is cut after some
// bytes. A charge is made at most once, and the error says that it was not sent only if it was not
// made.
func TestAnHTTP2AnswerCut(t *testing.T) {
	var carriedOut sync.Map // how often, by payment
	server := newFaulty(t, nil, true)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n, _ := carriedOut.LoadOrStore(r.Header.Get("Payment"), new(atomic.Int32))
		n.(*atomic.Int32).Add(1)
		_, _ = io.WriteString(w, "paid")
	})
	pay := func(cut int64) (paid bool, total int64, err error) {
		var came atomic.Int64
		addr := rawServer(t, func(client net.Conn, _ int) {
			backend, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				return
			}
			defer func() { _ = backend.Close() }()
			go func() { _, _ = io.Copy(backend, client) }()
			_, _ = io.CopyN(counter{client, &came}, backend, cut)
		})
		base := server.base(t, 0)
		base.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		rt := newTransport(t, newPipeline(t, soon(2)), holdfasthttp.WithBase(base))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("10 EUR"))
		require.NoError(t, err)
		req.Header.Set("Payment", strconv.FormatInt(cut, 10))
		resp, err := rt.RoundTrip(req)
		if err == nil {
			text, readErr := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			paid = readErr == nil && string(text) == "paid"
		}
		base.CloseIdleConnections()
		return paid, came.Load(), err
	}
	const uncut = 1 << 20
	paid, whole, err := pay(uncut)
	require.NoError(t, err)
	require.True(t, paid)
	words, step := map[int64]string{}, int64(97)
	for cut := int64(0); cut <= whole; cut += step {
		if whole-cut < 400 { // the handshake is over
			step = 11
		}
		paid, total, err := pay(cut)
		where := fmt.Sprintf("cut after %d bytes (%d came): %v", cut, total, err)
		switch {
		case paid:
			words[cut] = "paid"
		case err == nil: // the body is cut
			words[cut] = "answered"
		case resilience.Unsent(err):
			words[cut] = "not sent"
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown, where)
		default:
			words[cut] = "unknown"
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown, where)
		}
	}
	server.Close() // no handler runs any more
	said := map[string]int{}
	for cut, word := range words {
		said[word]++
		times := int32(0)
		if n, ok := carriedOut.Load(strconv.FormatInt(cut, 10)); ok {
			times = n.(*atomic.Int32).Load()
		}
		switch word {
		case "paid", "answered":
			require.EqualValues(t, 1, times, "cut after %d bytes: %s", cut, word)
		case "not sent":
			require.Zero(t, times, "cut after %d bytes: %s", cut, word)
		default:
			require.LessOrEqual(t, times, int32(1), "cut after %d bytes: %s", cut, word)
		}
	}
	require.Positive(t, said["not sent"], "cut in the handshake")
	require.Positive(t, said["unknown"], "cut after the request was sent")
}
