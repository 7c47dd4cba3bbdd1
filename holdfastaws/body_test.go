package holdfastaws_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastaws"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func startSnapshot() *ebs.StartSnapshotInput {
	return &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)}
}

func getBlock() *ebs.GetSnapshotBlockInput {
	return &ebs.GetSnapshotBlockInput{BlockIndex: aws.Int32(1), BlockToken: aws.String("t"), SnapshotId: aws.String("snap")}
}

func put(ctx context.Context, c *ebs.Client, data io.Reader) error {
	_, err := c.PutSnapshotBlock(ctx, &ebs.PutSnapshotBlockInput{
		BlockIndex: aws.Int32(1), SnapshotId: aws.String("snap"), BlockData: data, DataLength: aws.Int32(4),
		Checksum: aws.String("c"), ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256,
	})
	return err
}

// stream is a body that can be read once.
type stream struct{ io.Reader }

func newStream(s string) io.Reader { return stream{strings.NewReader(s)} }

// Each attempt sends the whole body, from where the caller gave it.
func TestBodiesAreRewound(t *testing.T) {
	s := serve(t, lost, fails(503, "ServiceUnavailable"), ok)
	data := strings.NewReader("xxdata")
	_, err := data.Seek(2, io.SeekStart)
	require.NoError(t, err)
	require.NoError(t, put(t.Context(), blocks(t, s, newPipeline(t, quick)), data))
	require.Equal(t, []string{"data", "data", "data"}, s.sent())
}

// A stream that was read is not sent again, and the error is that of the service, not that of a
// rewind.
func TestStreamsAreNotSentAgain(t *testing.T) {
	s := serve(t, fails(503, "ServiceUnavailable"), ok)
	err := put(t.Context(), blocks(t, s, newPipeline(t, quick)), newStream("data"))
	require.ErrorIs(t, err, holdfastaws.ErrNotReplayable)
	require.ErrorContains(t, err, "ServiceUnavailable")
	require.NotContains(t, err.Error(), "rewind")
	require.Equal(t, []string{"data"}, s.sent())

	s = serve(t, fails(400, "ThrottlingException"), ok) // refused, but read
	err = put(t.Context(), blocks(t, s, newPipeline(t, quick)), newStream("data"))
	require.ErrorIs(t, err, holdfastaws.ErrNotReplayable)
	require.True(t, resilience.Unsent(err))
}

// A stream of which nothing was read is.
func TestStreamsThatNobodyRead(t *testing.T) {
	s := serve(t, ok)
	refusals := 0
	cfg := config(s)
	transport := s.Client().Transport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	dial := transport.DialContext
	cfg.HTTPClient = &http.Client{Transport: transport}
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		switch refusals++; refusals {
		case 1:
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		case 2:
			return nil, odd{} // no error that is known as one of dialing
		}
		if dial == nil {
			dial = new(net.Dialer).DialContext
		}
		return dial(ctx, network, addr)
	}
	client := ebs.NewFromConfig(protected(t, cfg, newPipeline(t, quick)))
	require.NoError(t, put(t.Context(), client, newStream("data")))
	require.Equal(t, []string{"data"}, s.sent())
	require.Equal(t, 3, refusals)
}

// The caller's own ctx still ends it.
func TestStreamsEndWithTheCaller(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	out, err := blocks(t, s, newPipeline(t, quick, deadline.In(time.Minute))).GetSnapshotBlock(ctx, getBlock())
	require.NoError(t, err)
	cancel()
	_, err = io.ReadAll(out.BlockData)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, out.BlockData.Close())
}

// A client for credentials that fails is not the service's failure, and is asked again.
func TestCredentials(t *testing.T) {
	t.Run("down for a while", func(t *testing.T) {
		s := serve(t, ok)
		cfg, calls := config(s), 0
		good := cfg.Credentials
		cfg.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			if calls++; calls < 3 {
				return aws.Credentials{}, resilience.MarkTransient(errSTS)
			}
			return good.Retrieve(ctx)
		})
		p := newPipeline(t, quick, failsAtOnce)
		require.NoError(t, send(resilience.MarkOnce(t.Context()), queueOf(protected(t, cfg, p))))
		require.EqualValues(t, 1, s.requests.Load())
		require.Zero(t, p.Snapshot().Breakers[0].Counts.Failures, "the queue is not to blame")
	})
	t.Run("none", func(t *testing.T) {
		s, p := serve(t, ok), newPipeline(t, quick, failsAtOnce)
		cfg := config(s)
		cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errSTS })
		err := send(t.Context(), queueOf(protected(t, cfg, p)))
		require.ErrorIs(t, err, errSTS)
		require.True(t, resilience.Unsent(err))
		require.EqualValues(t, 1, p.Snapshot().Attempts)
		require.Zero(t, p.Snapshot().Breakers[0].Counts.Failures, "the queue is not to blame")
	})
	t.Run("by a client with loops of its own", func(t *testing.T) {
		tokens, s := serve(t, fails(503, "ServiceUnavailable")), serve(t, ok)
		sts := config(tokens)
		sts.Retryer = standard
		cfg := config(s)
		cfg.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) { return aws.Credentials{}, read(ctx, queueOf(sts)) })
		require.Error(t, send(t.Context(), queueOf(protected(t, cfg, newPipeline(t, quick)))))
		require.EqualValues(t, 3, tokens.requests.Load(), "not 9")
		require.Zero(t, s.requests.Load())
	})
	t.Run("by a client with the same pipeline", func(t *testing.T) {
		tokens, s, p := serve(t, fails(503, "ServiceUnavailable")), serve(t, ok), newPipeline(t, quick, oneAtATime)
		sts := protected(t, config(tokens), p)
		cfg := config(s)
		cfg.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) { return aws.Credentials{}, read(ctx, queueOf(sts)) })
		err := send(t.Context(), queueOf(protected(t, cfg, p)))
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.EqualValues(t, 3, tokens.requests.Load(), "not 9, and no bulkhead waits for itself")
	})
	t.Run("by a client with a pipeline of its own, for an operation that has a mark", func(t *testing.T) {
		for _, mark := range []func(context.Context) context.Context{resilience.MarkOnce, resilience.MarkIdempotent} {
			tokens, s := serve(t, lost, lost, ok), serve(t, ok)
			sts := queue(t, tokens, newPipeline(t, quick))
			cfg := config(s)
			good := cfg.Credentials
			cfg.Credentials = aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
				assert.Equal(t, resilience.RepetitionUnknown, resilience.RepetitionOf(ctx)) // in a goroutine of the cache
				if err := read(ctx, sts); err != nil {
					return aws.Credentials{}, err
				}
				return good.Retrieve(ctx)
			}))
			require.NoError(t, send(mark(t.Context()), queueOf(protected(t, cfg, newPipeline(t, quick)))))
			require.EqualValues(t, 3, tokens.requests.Load(), "the mark is the operation's")
			require.EqualValues(t, 1, s.requests.Load())

			tokens, s = serve(t, lost), serve(t, ok)
			sts = queue(t, tokens, newPipeline(t, quick))
			cfg = config(s)
			cfg.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) { return aws.Credentials{}, read(ctx, sts) })
			err := send(mark(t.Context()), queueOf(protected(t, cfg, newPipeline(t, quick))))
			require.ErrorIs(t, err, retry.ErrExhausted)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown, "it was not sent")
			require.True(t, resilience.Unsent(err))
			require.Zero(t, s.requests.Load())
		}
	})
	t.Run("by a client with a pipeline of its own", func(t *testing.T) {
		tokens, s, p, own := serve(t, fails(503, "ServiceUnavailable")), serve(t, ok), newPipeline(t, quick, failsAtOnce), newPipeline(t, quick)
		sts := protected(t, config(tokens), own)
		cfg := config(s)
		cfg.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) { return aws.Credentials{}, read(ctx, queueOf(sts)) })
		err := send(t.Context(), queueOf(protected(t, cfg, p)))
		require.True(t, resilience.Unsent(err))
		require.EqualValues(t, 3, tokens.requests.Load(), "not 9")
		require.EqualValues(t, 1, own.Snapshot().Calls)
		require.Zero(t, p.Snapshot().Breakers[0].Counts.Failures, "the queue is not to blame")
	})
}
