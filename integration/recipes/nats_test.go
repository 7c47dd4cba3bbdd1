package recipes

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// transfers publishes to a JetStream stream.
type transfers struct {
	js       jetstream.JetStream
	pipeline *holdfast.Pipeline
}

func connect(servers string) (*nats.Conn, error) {
	return nats.Connect(servers,
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100*time.Millisecond), // default 2 s: longer than the pauses of Critical
		nats.ReconnectBufSize(-1),                // fail at once while there is no connection
	)
}

func newTransfers(nc *nats.Conn) (*transfers, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	pipeline, err := holdfast.New("transfers", append([]resilience.Stage{
		holdfast.Classify(resilience.Errors(resilience.Transient,
			nats.ErrReconnectBufExceeded, nats.ErrDisconnected, nats.ErrTimeout,
			nats.ErrNoResponders, jetstream.ErrNoStreamResponse)), // no leader, for now
	}, holdfast.Critical()...)...)
	if err != nil {
		return nil, err
	}
	return &transfers{js, pipeline}, nil
}

// publish returns nil once the stream has the transfer. id is the transfer's own, the same for each
// attempt and for each call that publishes it again.
func (t *transfers) publish(ctx context.Context, subject, id string, amount []byte) error {
	return t.pipeline.Do(ctx, func(ctx context.Context) error {
		_, err := t.js.Publish(ctx, subject, amount,
			jetstream.WithMsgID(id),        // the stream keeps the first of those with one id
			jetstream.WithRetryAttempts(0)) // the pipeline's loop is the only one
		return err
	})
}

// bank is a stream, seen directly and over a link that breaks.
type bank struct {
	link    *link
	subject string
	stream  jetstream.Stream
	*transfers
}

func newBank(t *testing.T) *bank {
	t.Helper()
	at := cmp.Or(os.Getenv("NATS_URL"), "nats://127.0.0.1:4222")
	u, err := url.Parse(at)
	require.NoError(t, err)
	direct, err := nats.Connect(at)
	if err != nil {
		missing(t, "no NATS at "+at+" ("+err.Error()+"); start one: nats-server -js, or name one by NATS_URL")
	}
	t.Cleanup(direct.Close)
	js, err := jetstream.New(direct)
	require.NoError(t, err)
	b := &bank{link: newLink(t, u.Host), subject: "holdfast." + rand.Text()}
	name := "holdfast-" + rand.Text()
	b.stream, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: name, Subjects: []string{b.subject}, Storage: jetstream.MemoryStorage, Duplicates: 2 * time.Minute,
	})
	if err != nil {
		missing(t, "NATS at "+at+" has no JetStream ("+err.Error()+"); start one: nats-server -js")
	}
	t.Cleanup(func() { require.NoError(t, js.DeleteStream(context.Background(), name)) })
	u.Host = b.link.addr()
	nc, err := connect(u.String())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	b.transfers, err = newTransfers(nc)
	require.NoError(t, err)
	return b
}

// paid consumes the stream, and returns how many transfers there are, and their sum.
func (b *bank) paid(t *testing.T) (n, sum int) {
	t.Helper()
	info, err := b.stream.Info(t.Context())
	require.NoError(t, err)
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		message, err := b.stream.GetMsg(t.Context(), seq)
		require.NoError(t, err)
		amount, err := strconv.Atoi(string(message.Data))
		require.NoError(t, err)
		n, sum = n+1, sum+amount
	}
	return n, sum
}

// The stream has the transfer, and its word gets lost. It is published twice, and is there once.
// nats-io/nats.node#628 reports such a timeout.
func TestNATSLostAnswer(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	b.link.loseAnswers("HPUB", 1)
	require.NoError(t, b.publish(t.Context(), b.subject, "transfer-1", []byte("100")))
	n, sum := b.paid(t)
	require.Equal(t, 1, n)
	require.Equal(t, 100, sum)
	require.EqualValues(t, 2, b.pipeline.Snapshot().Attempts)
}

// The counterexample: without an id the money moves twice.
func TestNATSWithoutAnID(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	b.link.loseAnswers("PUB "+b.subject, 1)
	require.NoError(t, b.pipeline.Do(t.Context(), func(ctx context.Context) error {
		_, err := b.js.Publish(ctx, b.subject, []byte("100"))
		return err
	}))
	n, sum := b.paid(t)
	require.Equal(t, 2, n)
	require.Equal(t, 200, sum)
}

// The broker is gone for two attempts.
func TestNATSGoneAndBack(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	require.NoError(t, b.publish(t.Context(), b.subject, "transfer-1", []byte("100")))
	b.link.cut()
	require.Eventually(t, func() bool { return !b.js.Conn().IsConnected() }, 10*time.Second, time.Millisecond)
	onRetry(t, b.pipeline, 2, b.link.mend)
	require.NoError(t, b.publish(t.Context(), b.subject, "transfer-2", []byte("20")))
	n, sum := b.paid(t)
	require.Equal(t, 2, n)
	require.Equal(t, 120, sum)
	require.NotZero(t, failures(t, b.pipeline))
}

// The broker stays away: the call ends, and who publishes again later does no harm.
func TestNATSGoneForGood(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	b.link.loseAnswers("HPUB", 1)
	onRetry(t, b.pipeline, 1, b.link.cut) // after the stream got it
	err := b.publish(t.Context(), b.subject, "transfer-1", []byte("100"))
	require.ErrorIs(t, err, budget.ErrExhausted) // a retry after a slow failure is dear
	b.link.mend()
	require.Eventually(t, b.js.Conn().IsConnected, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, b.publish(t.Context(), b.subject, "transfer-1", []byte("100")))
	n, sum := b.paid(t)
	require.Equal(t, 1, n)
	require.Equal(t, 100, sum)
}
