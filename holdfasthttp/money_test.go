package holdfasthttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// bank carries out payments. For a share of them, it injects a fault before or after that.
type bank struct {
	mu   sync.Mutex
	paid map[string]int // by payment
	keys map[string]bool
}

func (b *bank) pay(r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		if b.keys[key] {
			return
		}
		b.keys[key] = true
	}
	b.paid[r.Header.Get("Payment")]++
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	die := func(linger bool) {
		if conn := tcp(r); linger {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		} else {
			_ = conn.Close()
		}
		panic(http.ErrAbortHandler)
	}
	switch rand.IntN(20) {
	case 0:
		die(true)
	case 1:
		die(false)
	case 2:
		b.pay(r)
		die(true)
	case 3:
		b.pay(r)
		die(false)
	case 4:
		w.WriteHeader(http.StatusServiceUnavailable)
	case 5:
		b.pay(r)
		w.WriteHeader(http.StatusGatewayTimeout)
	case 6:
		w.WriteHeader(http.StatusTooManyRequests)
	case 7:
		w.WriteHeader(http.StatusUnprocessableEntity)
	case 8:
		b.pay(r)
		if rand.IntN(10) == 0 {
			<-r.Context().Done()
		}
	case 9:
		panic(http.ErrAbortHandler)
	default:
		b.pay(r)
	}
}

// An acknowledged payment is made exactly once, and every error is true: after "not sent" the money
// did not move; if it may have moved and must not move twice, the error says that the outcome is
// unknown. HOLDFAST_PAYMENTS sets the number of payments. On a machine so busy that few answers
// come in time, as many are made again with twice the time for each.
func TestEveryWordAboutMoney(t *testing.T) {
	payments := 300
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_PAYMENTS")); err == nil {
		payments = n
	}
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		b := &bank{paid: map[string]int{}, keys: map[string]bool{}}
		server := httptest.NewUnstartedServer(b)
		server.Config.ErrorLog = quiet
		server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
		if http2 {
			server.EnableHTTP2 = true
			server.StartTLS()
		} else {
			server.Start()
		}
		t.Cleanup(server.Close)
		base := server.Client().Transport.(*http.Transport).Clone()
		base.MaxIdleConnsPerHost = 50
		base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if rand.IntN(5) == 0 {
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		t.Cleanup(base.CloseIdleConnections)
		always := retry.Custom(3, time.Microsecond, time.Microsecond, false)
		always.RetryIf = func(error) bool { return true }

		var mu sync.Mutex
		words := map[string]int{}
		var wrong []string
		pay := func(rt http.RoundTripper, i int) {
			id := strconv.Itoa(i)
			ctx, kind := t.Context(), []string{"bare", "once", "once and keyed", "keyed"}[i%4]
			if strings.HasPrefix(kind, "once") {
				ctx = resilience.MarkOnce(ctx)
			}
			req := must(http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader("10 EUR")))
			req.Header.Set("Payment", id)
			if strings.HasSuffix(kind, "keyed") {
				req.Header.Set("Idempotency-Key", id)
			}
			resp, err := rt.RoundTrip(req)
			word, refused := "paid", false
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				err = holdfasthttp.Stopped(resp)
				refused = resp.StatusCode == http.StatusUnprocessableEntity
			}
			switch {
			case refused:
				word = "declined"
			case errors.Is(err, resilience.ErrOutcomeUnknown):
				word = "unknown"
			case err != nil && resilience.Unsent(err):
				word = "not sent"
			case err != nil:
				word = "failed"
			}
			mu.Lock()
			defer mu.Unlock()
			words[word]++
			b.mu.Lock()
			defer b.mu.Unlock()
			moved := b.paid[id]
			if moved > 1 || word == "paid" && moved != 1 || (word == "declined" || word == "not sent") && !strings.HasSuffix(kind, "keyed") && moved != 0 ||
				word == "failed" && kind != "keyed" {
				wrong = append(wrong, fmt.Sprintf("payment %s, %s: %q, and it was made %d times: %v", id, kind, word, moved, err))
			}
		}
		begun := 0
		for limit := 300 * ms; limit < time.Minute && min(words["paid"], words["declined"], words["unknown"]) == 0; limit *= 2 {
			rt := newTransport(t, newPipeline(t, always, deadline.In(limit)), holdfasthttp.WithBase(base))
			var wg sync.WaitGroup
			for worker := range 8 {
				wg.Go(func() {
					for i := begun + worker; i < begun+payments; i += 8 {
						pay(rt, i)
					}
				})
			}
			wg.Wait()
			begun += payments
			t.Log(limit, words)
			require.Empty(t, wrong[:min(10, len(wrong))])
		}
		for _, word := range []string{"paid", "declined", "unknown"} {
			require.Positive(t, words[word], word)
		}
	})
}
