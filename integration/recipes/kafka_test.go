package recipes

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// ledger writes to Kafka. franz-go's own loop retries: it numbers the records, so that the broker
// knows a record that it already has. A loop around it would number them anew.
type ledger struct {
	client   *kgo.Client
	pipeline *holdfast.Pipeline
}

func newLedger(limit time.Duration, opts ...kgo.Opt) (*ledger, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.MetadataMinAge(250 * time.Millisecond), // default 5 s: as long may pass before it tries again
	}, opts...)...)
	if err != nil {
		return nil, err
	}
	pipeline, err := holdfast.New("ledger", // no retry loop
		holdfast.Classify(resilience.Errors(resilience.Overload, kgo.ErrMaxBuffered)),
		breaker.Config{ConsecutiveFailures: 5},
		deadline.In(limit), // how long a caller waits
	)
	if err != nil {
		client.Close()
		return nil, err
	}
	return &ledger{client, pipeline}, nil
}

// write returns nil once the broker has the entry. An entry whose caller waits no longer stays with
// the client, which writes it when it can: its outcome is unknown, and it must not be written
// again.
func (l *ledger) write(ctx context.Context, entry *kgo.Record) error {
	return l.pipeline.Do(ctx, func(ctx context.Context) error {
		done := make(chan error, 1)
		l.client.TryProduce(context.WithoutCancel(ctx), entry, func(_ *kgo.Record, err error) { done <- err })
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return &resilience.CallError{Err: ctx.Err(), Effect: resilience.EffectUnknown}
		}
	})
}

// network dials brokers, and may lose their answers to Produce requests.
type network struct {
	lose      atomic.Int32 // so many answers get lost
	down      atomic.Bool
	refused   atomic.Int32 // dials
	downAfter atomic.Bool  // down once an answer got lost
	produced  atomic.Int32 // requests
}

func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	if n.down.Load() {
		n.refused.Add(1)
		return nil, errors.New("no route to the broker")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	return &lossy{Conn: conn, network: n}, err
}

type lossy struct {
	net.Conn
	*network
	losing atomic.Bool
}

// Write looks at the key of a request, which stands behind its length. 0 is Produce.
func (c *lossy) Write(b []byte) (int, error) {
	if c.down.Load() {
		_ = c.Close()
		return 0, io.ErrClosedPipe
	}
	if len(b) > 6 && binary.BigEndian.Uint16(b[4:]) == 0 {
		c.produced.Add(1)
		if c.lose.Add(-1) >= 0 {
			c.losing.Store(true)
		}
	}
	return c.Conn.Write(b)
}

func (c *lossy) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.losing.Load() { // the broker has done it
		c.down.Store(c.downAfter.Swap(false))
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

func newKafka(t *testing.T) (*network, []kgo.Opt) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "ledger"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	n := &network{}
	return n, []kgo.Opt{
		kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("ledger"), kgo.Dialer(n.dial),
		kgo.MetadataMinAge(10 * time.Millisecond), // it asks for the leader before it tries again
		kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }),
	}
}

// written returns how many records the topic holds: the offset of one more.
func written(t *testing.T, opts []kgo.Opt) int64 {
	t.Helper()
	client, err := kgo.NewClient(opts...)
	require.NoError(t, err)
	defer client.Close()
	r, err := client.ProduceSync(t.Context(), kgo.StringRecord("mark")).First()
	require.NoError(t, err)
	return r.Offset
}

// The broker has the record, and its word gets lost, twice. franz-go sends it again under the same
// number, so that it is there once.
func TestKafkaLostAnswer(t *testing.T) {
	t.Parallel()
	n, opts := newKafka(t)
	l, err := newLedger(10*time.Second, opts...)
	require.NoError(t, err)
	defer l.client.Close()
	n.lose.Store(2)
	require.NoError(t, l.write(t.Context(), kgo.StringRecord("100")))
	require.EqualValues(t, 3, n.produced.Load())
	require.EqualValues(t, 1, l.pipeline.Snapshot().Attempts)
	require.EqualValues(t, 1, written(t, opts))
}

// The counterexample: with the client's loop off and Holdfast's on, each attempt is a new record.
// confluentinc/confluent-kafka-dotnet#696 asks whether to use both.
func TestKafkaRetriedFromOutside(t *testing.T) {
	t.Parallel()
	n, opts := newKafka(t)
	client, err := kgo.NewClient(append(opts, kgo.DisableIdempotentWrite(), kgo.RecordRetries(0))...)
	require.NoError(t, err)
	defer client.Close()
	p := holdfast.Must(holdfast.New("ledger",
		holdfast.Classify(resilience.Errors(resilience.Transient, kgo.ErrRecordRetries)),
		retry.Custom(3, time.Millisecond, time.Millisecond, false)))
	n.lose.Store(2)
	require.NoError(t, p.Do(t.Context(), func(ctx context.Context) error {
		return client.ProduceSync(ctx, kgo.StringRecord("100")).FirstErr()
	}))
	require.EqualValues(t, 3, p.Snapshot().Attempts)
	require.EqualValues(t, 3, written(t, opts))
}

// No broker for a while: callers wait no longer than the limit, the breaker opens, and calls end at
// once. When the broker is back, all that was accepted gets written, once: whoever wrote it again
// would have it twice.
func TestKafkaGoneAndBack(t *testing.T) {
	t.Parallel()
	n, opts := newKafka(t)
	l, err := newLedger(200*time.Millisecond, opts...)
	require.NoError(t, err)
	defer l.client.Close()
	require.NoError(t, l.client.Ping(t.Context()))
	n.down.Store(true)
	for range 5 {
		err := l.write(t.Context(), kgo.StringRecord("1"))
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Equal(t, breaker.StateOpen, l.pipeline.Snapshot().Breakers[0].State)
	require.ErrorIs(t, l.write(t.Context(), kgo.StringRecord("1")), breaker.ErrOpen)

	n.down.Store(false)
	require.NoError(t, l.client.Flush(t.Context()))
	require.EqualValues(t, 5, written(t, opts))
	l.pipeline.Breakers()[0].Reset() // somebody knows that it is back
	unhurried(t, l.pipeline)         // the limit has been tried
	require.NoError(t, l.write(t.Context(), kgo.StringRecord("20")))
}

// A deadline does not end ProduceSync while a record is under way: franz-go waits until it knows.
// That is why write does not use it.
func TestKafkaProduceSyncOutlastsItsDeadline(t *testing.T) {
	t.Parallel()
	n, opts := newKafka(t)
	client, err := kgo.NewClient(append(opts, kgo.RecordDeliveryTimeout(time.Minute))...)
	require.NoError(t, err)
	defer client.Close()
	n.lose.Store(1)
	n.downAfter.Store(true)
	ctx := &overdue{t.Context(), make(chan struct{})}
	over := make(chan error, 1)
	go func() { over <- client.ProduceSync(ctx, kgo.StringRecord("1")).FirstErr() }()
	require.Eventually(t, n.down.Load, time.Minute, time.Millisecond, "the record is under way")
	close(ctx.done)
	tried := n.refused.Load()
	require.Eventually(t, func() bool { return n.refused.Load() > tried+1 }, time.Minute, time.Millisecond, "it goes on")
	select {
	case err := <-over:
		t.Fatalf("it ended: %v", err)
	default:
	}
	n.down.Store(false)
	require.NoError(t, <-over)
	require.EqualValues(t, 1, written(t, opts))
}

// overdue is a ctx whose deadline is over when its test closes done.
type overdue struct {
	context.Context
	done chan struct{}
}

func (o *overdue) Done() <-chan struct{} { return o.done }

func (o *overdue) Err() error {
	select {
	case <-o.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
