package holdfasthttp_test

import (
	"context"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// memory is a network in memory, for servers and clients in a testing/synctest bubble, where work
// takes no time and tests do not wait.
type memory struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), done: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.done) })
	return nil
}

func (m *memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case m.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// client returns a transport that dials through the network.
func (m *memory) client(t *testing.T) *http.Transport {
	t.Helper()
	rt := &http.Transport{DialContext: m.dial}
	t.Cleanup(rt.CloseIdleConnections)
	return rt
}

// serve returns a transport for a server with that handler.
func serve(t *testing.T, handler http.HandlerFunc) *http.Transport {
	t.Helper()
	return serveBy(t, false, handler, quiet)
}

// serve2 is serve over HTTP/2, without TLS.
func serve2(t *testing.T, handler http.HandlerFunc) *http.Transport {
	t.Helper()
	return serveBy(t, true, handler, quiet)
}

// serveBy is serve or serve2, with a log for what the server complains of.
func serveBy(t *testing.T, http2 bool, handler http.Handler, complaints *log.Logger) *http.Transport {
	t.Helper()
	m := newMemory()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	server := &http.Server{Handler: handler, ErrorLog: complaints, Protocols: protocols}
	go func() { _ = server.Serve(m) }()
	t.Cleanup(func() { _ = server.Close() })
	rt := m.client(t)
	rt.Protocols = protocols
	return rt
}

// refuseStreams returns a transport for an HTTP/2 server that refuses every stream, and the number
// of streams.
func refuseStreams(t *testing.T) (rt *http.Transport, streams *atomic.Int32) {
	t.Helper()
	return endStreams(t, func(stream []byte) []byte {
		reset := append([]byte{0, 0, 4, 0x3, 0}, stream...)
		return append(reset, 0, 0, 0, 0x7)
	})
}

// resetStreams is refuseStreams with another code.
func resetStreams(t *testing.T, code byte) (rt *http.Transport, streams *atomic.Int32) {
	t.Helper()
	return endStreams(t, func(stream []byte) []byte {
		reset := append([]byte{0, 0, 4, 0x3, 0}, stream...)
		return append(reset, 0, 0, 0, code)
	})
}

// goAway is refuseStreams for a server that sends a GOAWAY instead, with the code and last as the
// last stream processed.
func goAway(t *testing.T, last, code byte) (rt *http.Transport, streams *atomic.Int32) {
	t.Helper()
	return endStreams(t, func([]byte) []byte {
		return []byte{0, 0, 8, 0x7, 0, 0, 0, 0, 0, 0, 0, 0, last, 0, 0, 0, code}
	})
}

// endStreams returns a transport for an HTTP/2 server that answers each request with a frame, made
// from the bytes of its stream's number. It answers after it has received and carried out the whole
// request.
func endStreams(t *testing.T, answer func(stream []byte) []byte) (rt *http.Transport, streams *atomic.Int32) {
	t.Helper()
	const (
		data, headers, settings = 0x0, 0x1, 0x4
		endStream               = 0x1
		preface                 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	)
	m, streams := newMemory(), new(atomic.Int32)
	t.Cleanup(func() { _ = m.Close() })
	go func() {
		var conns []net.Conn // which the client may keep, since a stream's end is still to come
		defer func() {
			for _, conn := range conns {
				_ = conn.Close()
			}
		}()
		for {
			conn, err := m.Accept()
			if err != nil {
				return
			}
			conns = append(conns, conn)
			frames := make(chan []byte, 100) // a pipe has no buffer, and the client writes too
			go func() {
				for f := range frames {
					if _, err := conn.Write(f); err != nil {
						return
					}
				}
			}()
			go func() {
				defer close(frames)
				defer func() { _ = conn.Close() }()
				frames <- []byte{0, 0, 0, settings, 0, 0, 0, 0, 0}
				if _, err := io.ReadFull(conn, make([]byte, len(preface))); err != nil {
					return
				}
				head := make([]byte, 9)
				for {
					if _, err := io.ReadFull(conn, head); err != nil {
						return
					}
					if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head)>>8)); err != nil {
						return
					}
					if (head[3] == headers || head[3] == data) && head[4]&endStream != 0 {
						streams.Add(1)
						frames <- answer(append([]byte(nil), head[5:9]...))
					}
				}
			}()
		}
	}()
	rt = m.client(t)
	rt.Protocols = new(http.Protocols)
	rt.Protocols.SetUnencryptedHTTP2(true)
	return rt, streams
}
