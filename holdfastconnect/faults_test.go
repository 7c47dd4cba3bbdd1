package holdfastconnect_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// ends starts an HTTP/2 server that answers every request with a frame, made from the bytes of its
// stream's number, when it has all of the request.
func ends(answer func(stream []byte) []byte) (b *bank, streams *atomic.Int32, end func()) {
	m := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	streams = new(atomic.Int32)
	var running sync.WaitGroup
	transport := &http.Transport{DialContext: m.dial, Protocols: unencrypted()}
	running.Go(func() {
		for {
			conn, err := m.Accept()
			if err != nil {
				return
			}
			running.Go(func() { endStreams(conn, answer, streams) })
		}
	})
	b = &bank{url: "http://bank", http: &http.Client{Transport: transport}}
	return b, streams, func() {
		close(m.closed)
		transport.CloseIdleConnections()
		running.Wait()
	}
}

func endStreams(conn net.Conn, answer func(stream []byte) []byte, streams *atomic.Int32) {
	const (
		preface       = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
		data, headers = 0x0, 0x1
		endStream     = 0x1
	)
	frames := make(chan []byte, 1000) // a pipe has no buffer, and the client writes too
	var writing sync.WaitGroup
	writing.Go(func() {
		for f := range frames {
			_, _ = conn.Write(f)
		}
	})
	defer writing.Wait()
	defer func() { _ = conn.Close() }()
	defer close(frames)
	frames <- []byte{0, 0, 0, 0x4, 0, 0, 0, 0, 0} // SETTINGS
	head := make([]byte, len(preface))
	if _, err := io.ReadFull(conn, head); err != nil {
		return
	}
	head = head[:9]
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		size, kind, flags := int64(head[0])<<16|int64(head[1])<<8|int64(head[2]), head[3], head[4]
		if _, err := io.CopyN(io.Discard, conn, size); err != nil {
			return
		}
		if (kind == data || kind == headers) && flags&endStream != 0 {
			streams.Add(1)
			frames <- answer(append([]byte(nil), head[5:9]...))
		}
	}
}

func reset(code byte) func([]byte) []byte {
	return func(stream []byte) []byte {
		return append(append([]byte{0, 0, 4, 0x3, 0}, stream...), 0, 0, 0, code)
	}
}

func goAway([]byte) []byte {
	return []byte{0, 0, 8, 0x7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
}

// What HTTP/2 says about a call that must be sent once, and about a stream. Some codes prove that
// the server did nothing; net/http itself sends such a request again, and after PROTOCOL_ERROR it
// would do so forever before Go 1.27.
func TestHTTP2Faults(t *testing.T) {
	for name, c := range map[string]struct {
		answer func([]byte) []byte
		code   connect.Code
		proof  bool
	}{
		"REFUSED_STREAM":    {reset(0x7), connect.CodeUnavailable, true},
		"GOAWAY, each time": {goAway, connect.CodeUnavailable, true},
		"INTERNAL_ERROR":    {reset(0x2), connect.CodeInternal, false},
		"CANCEL":            {reset(0x8), connect.CodeCanceled, false},
		"ENHANCE_YOUR_CALM": {reset(0xb), connect.CodeResourceExhausted, false},
		"PROTOCOL_ERROR":    {reset(0x1), codeOfProtocolError, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, streaming := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					b, streams, end := ends(c.answer)
					defer end()
					p := pipeline(t, quickly(1), counting())
					ctx := resilience.MarkOnce(t.Context())
					var err error
					if streaming {
						_, err = receiveAll(b.client(t, list, p).CallServerStream(ctx, connect.NewRequest(&text{})))
					} else {
						_, err = call(ctx, b.client(t, pay, p), "x")
					}
					assert.Equal(t, c.code, connect.CodeOf(err), "%v", err)
					assert.Equal(t, c.proof, resilience.Unsent(err), "%v", err)
					assert.Equal(t, !c.proof, errors.Is(err, resilience.ErrOutcomeUnknown))
					attempts := 1
					if c.proof {
						attempts = 2
					}
					assert.EqualValues(t, attempts, p.Snapshot().Attempts)
					assert.Equal(t, attempts, blamed(p))
					assert.LessOrEqual(t, streams.Load(), int32(20))
				})
			}
		})
	}
}

// net/http cannot repeat a stream of the caller's, so the proof is only in the text of its error.
func TestRefusedClientStream(t *testing.T) {
	for name, answer := range map[string]func([]byte) []byte{"REFUSED_STREAM": reset(0x7), "GOAWAY": goAway} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, streams, end := ends(answer)
				defer end()
				p := pipeline(t, quickly(2), counting())
				s := b.client(t, sum, p).CallClientStream(resilience.MarkOnce(t.Context()))
				require.NoError(t, s.Send(&text{Value: "x"}))
				_, err := s.CloseAndReceive()
				assert.Equal(t, connect.CodeUnavailable, connect.CodeOf(err))
				assert.True(t, resilience.Unsent(err), "%v", err)
				assert.EqualValues(t, 3, p.Snapshot().Attempts)
				assert.EqualValues(t, 3, streams.Load())
			})
		})
	}
}

// A client that is not net/http's proves nothing by its connections.
func TestForeignHTTPClient(t *testing.T) {
	errOwn := errors.New("its own")
	for name, c := range map[string]struct {
		err   error
		proof bool
	}{
		"an error of its own": {errOwn, false},
		"a dial":              {&net.OpError{Op: "dial", Err: errOwn}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := pipeline(t, quickly(1), counting())
			client := connect.NewClient[text, text](foreign{c.err}, "http://bank"+pay, connect.WithInterceptors(clientInterceptor(t, p)))
			_, err := call(context.Background(), client, "x")
			require.ErrorIs(t, err, errOwn)
			assert.Equal(t, c.proof, resilience.Unsent(err))
			assert.Equal(t, !c.proof, errors.Is(err, resilience.ErrOutcomeUnknown))
		})
	}
}

type foreign struct{ err error }

func (f foreign) Do(*http.Request) (*http.Response, error) { return nil, f.err }
