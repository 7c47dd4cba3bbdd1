package retries

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// cable is a wire to a nats server that can be pulled.
type cable struct {
	*wire
	pulled atomic.Bool
	last   atomic.Pointer[net.Conn]
}

func (c *cable) InProcessConn() (net.Conn, error) {
	if c.pulled.Load() {
		return nil, syscall.ECONNREFUSED
	}
	conn, err := c.wire.InProcessConn()
	if err == nil {
		c.last.Store(&conn)
	}
	return conn, err
}

// While a nats client has no connection, it keeps what is published, and sends it when it has one
// again: what a pipeline took for three attempts that failed arrives three times. Without a buffer
// nothing does. (The client's timers go from one connection to the next, which a bubble does not
// allow.)
func TestNATSReconnectBuffer(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []nats.Option
		arrive  int64
	}{
		{"by default", nil, attempts},
		{"stood down", []nats.Option{nats.ReconnectBufSize(-1)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &cable{wire: newWire(0)}
			w.serve(t, w.nats)
			client, err := nats.Connect("nats://127.0.0.1", append(c.options, nats.InProcessServer(w),
				nats.ReconnectWait(time.Millisecond), nats.MaxReconnects(-1))...)
			require.NoError(t, err)
			t.Cleanup(client.Close)

			w.pulled.Store(true)
			require.NoError(t, (*w.last.Load()).Close())
			require.Eventually(t, client.IsReconnecting, 10*time.Second, time.Millisecond)
			p := holdfast.Must(holdfast.New("p", holdfast.Classify(resilience.Errors(resilience.Transient, nats.ErrReconnectBufExceeded)),
				retry.Config{MaxRetries: attempts - 1, BaseDelay: time.Millisecond}, deadline.In(500*time.Millisecond))) // time enough to publish
			require.Error(t, p.Do(t.Context(), func(ctx context.Context) error {
				_, err := client.RequestWithContext(ctx, "orders", []byte("a"))
				return err
			}))
			require.EqualValues(t, attempts, p.Snapshot().Attempts)
			require.Zero(t, w.sent.Load())

			w.pulled.Store(false)
			require.Eventually(t, client.IsConnected, 10*time.Second, time.Millisecond)
			require.NoError(t, client.Flush()) // the server has read all before it answers
			require.Equal(t, c.arrive, w.sent.Load())
		})
	}
}
