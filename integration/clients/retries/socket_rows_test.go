package retries

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// startRedis counts commands that get the reply LOADING, or connections that are refused.
func startRedis(t *testing.T, w *wire, options *redis.Options, refused bool) call {
	t.Helper()
	w.serve(t, func(conn net.Conn) { w.redis(conn, refused) })
	options.Addr, options.Dialer = "127.0.0.1:6379", w.dial
	if refused {
		options.Dialer = w.dialUnlessRefused
	}
	options.PoolSize = 100 // default 10 for each cpu: after so many dials that failed, it dials no more
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return func(ctx context.Context) error { return client.Get(ctx, "a").Err() }
}

// redis answers GET, and says of all else that it does not know it.
func (w *wire) redis(conn net.Conn, refused bool) {
	in := bufio.NewReader(conn)
	for {
		var args int
		if _, err := fmt.Fscanf(in, "*%d\r\n", &args); err != nil {
			return
		}
		words := make([]string, args)
		for i := range words {
			var size int
			if _, err := fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
				return
			}
			word := make([]byte, size+len("\r\n"))
			if _, err := io.ReadFull(in, word); err != nil {
				return
			}
			words[i] = string(word[:size])
		}
		answer := "-ERR unknown command\r\n"
		if strings.EqualFold(words[0], "get") {
			answer = "$1\r\nb\r\n"
			if !refused && w.arrives() {
				answer = "-LOADING Redis is loading the dataset in memory\r\n"
			}
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

// certificate is for a server that only has to speak TLS.
var certificate = sync.OnceValue(func() *tls.Config {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	return &tls.Config{Certificates: secure.TLS.Certificates, MinVersion: tls.VersionTLS12}
})

// startPgx counts connections, which are refused. One that is not speaks TLS.
func startPgx(t *testing.T, w *wire, dsn string) call {
	t.Helper()
	w.serve(t, servePostgres)
	config, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	config.DialFunc = w.dialUnlessRefused
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, nil }
	return func(ctx context.Context) error {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return err
		}
		_ = conn.Close(ctx) // the server may be gone first
		return nil
	}
}

func servePostgres(conn net.Conn) {
	back := pgproto3.NewBackend(conn, conn)
	first, err := back.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if _, wantsTLS := first.(*pgproto3.SSLRequest); wantsTLS {
		if _, err := conn.Write([]byte("S")); err != nil {
			return
		}
		secure := tls.Server(conn, certificate())
		back = pgproto3.NewBackend(secure, secure)
		if _, err := back.ReceiveStartupMessage(); err != nil {
			return
		}
	}
	back.Send(&pgproto3.AuthenticationOk{})
	back.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := back.Flush(); err != nil {
		return
	}
	_, _ = back.Receive() // that the client goes
}

// InProcessConn makes a wire a server of nats.
func (w *wire) InProcessConn() (net.Conn, error) { return w.dial(context.Background(), "", "") }

func connectNATS(t *testing.T, w *wire, options ...nats.Option) *nats.Conn {
	t.Helper()
	w.serve(t, w.nats)
	client, err := nats.Connect("nats://127.0.0.1", append(options, nats.InProcessServer(w), nats.NoReconnect())...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// startJetStream counts messages to a stream, for which there is nobody at first.
func startJetStream(t *testing.T, w *wire, options ...jetstream.PublishOpt) call {
	t.Helper()
	stream, err := jetstream.New(connectNATS(t, w))
	require.NoError(t, err)
	return func(ctx context.Context) error {
		_, err := stream.Publish(ctx, "orders", []byte("a"), options...)
		return err
	}
}

// startNATS counts requests to which nobody responds at first.
func startNATS(t *testing.T, w *wire) call {
	t.Helper()
	client := connectNATS(t, w)
	return func(ctx context.Context) error {
		_, err := client.RequestWithContext(ctx, "orders", []byte("a"))
		return err
	}
}

// nats is a server with one client, which has one subscription.
func (w *wire) nats(conn net.Conn) {
	answers := make(chan string, 100) // a pipe holds nothing, and the client does not read while it writes
	defer close(answers)
	go func() {
		for answer := range answers {
			_, _ = io.WriteString(conn, answer) // whoever reads notices
		}
	}()
	answers <- `INFO {"server_id":"a","version":"2.12.0","headers":true,"max_payload":1048576,"proto":1}` + "\r\n"
	const ack = `{"stream":"ORDERS","seq":1}`
	in, sid := bufio.NewReader(conn), ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		words, answer := strings.Fields(line), ""
		switch strings.ToUpper(words[0]) {
		case "PING":
			answer = "PONG\r\n"
		case "SUB":
			sid = words[len(words)-1]
		case "PUB": // subject, where to answer, size
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
			const none = "NATS/1.0 503\r\n\r\n"
			if answer = fmt.Sprintf("MSG %s %s %d\r\n%s\r\n", words[2], sid, len(ack), ack); w.arrives() {
				answer = fmt.Sprintf("HMSG %s %s %d %d\r\n%s\r\n", words[2], sid, len(none), len(none), none)
			}
		}
		if answer != "" {
			answers <- answer
		}
	}
}
