package agree_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/holdfastredis"
	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/resilience"
)

// world is what is between a client and a server: what breaks connections, and what loses answers.
type world struct {
	proxy *faultproxy.Proxy
	lossy *faultproxy.Lossy
	count *atomic.Int64 // of the service
	bare  func(sent []byte) bool
}

// answers returns what tells whether the server has carried out a call since then. A server of
// HTTP/2 has more to send than answers.
func (w *world) answers() func() bool {
	if w.count == nil {
		return func() bool { return true }
	}
	before := w.count.Load()
	return func() bool { return w.count.Load() > before }
}

// withhold keeps every answer from now on, and returns what tells whether there was one.
func (w *world) withhold() func() bool {
	var answered atomic.Bool
	carriedOut := w.answers()
	w.lossy.Withhold(func() {
		if carriedOut() {
			answered.Store(true)
		}
	})
	return answered.Load
}

func newWorld(t *testing.T, s service) *world {
	t.Helper()
	lossy := faultproxy.NewLossy(t, s.addr)
	return &world{proxy: faultproxy.New(t, lossy.Addr()), lossy: lossy, count: s.count, bare: s.bare}
}

// client is an adapter's calls through a world; nil for a kind that the protocol does not have.
type client map[kind]func(ctx context.Context) error

// service is a server, and how an adapter gets to it.
type service struct {
	addr    string
	connect func(t *testing.T, w *world, p *holdfast.Pipeline) client
	count   *atomic.Int64 // of calls; nil if the server sends nothing but answers
	hangs   string        // why no test can wait for a client whose server hangs
	// bare reports whether all that a client has sent has the beginning of its call; nil if it
	// waits for an answer of the server's before it sends its call.
	bare func(sent []byte) bool
}

var adapters = map[string]func(t *testing.T) service{
	"connect": connectService,

	"http":  http1Service,
	"http2": http2Service,
	"grpc":  grpcService,
	"redis": redisService,
	"sql":   sqlService,
	"pq":    pqService,
	"pgx":   pgxService,
	"mysql": mysqlService,
	"aws":   awsService,
}

var quiet = log.New(io.Discard, "", 0)

func http1Service(t *testing.T) service {
	t.Helper()
	return httpService(t, false)
}

func http2Service(t *testing.T) service {
	t.Helper()
	return httpService(t, true)
}

// httpService answers with the status that the path says.
func httpService(t *testing.T, http2 bool) service {
	t.Helper()
	var count atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		code, _ := strconv.Atoi(r.URL.Path[1:])
		count.Add(1)
		w.WriteHeader(code)
	}))
	server.Config.ErrorLog = quiet
	scheme := "http://"
	if http2 {
		scheme = "https://"
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	trusted := server.Client().Transport.(*http.Transport).TLSClientConfig
	connect := func(t *testing.T, w *world, p *holdfast.Pipeline) client {
		t.Helper()
		base := &http.Transport{ForceAttemptHTTP2: http2}
		if http2 {
			base.TLSClientConfig = &tls.Config{RootCAs: trusted.RootCAs, MinVersion: tls.VersionTLS12}
		}
		t.Cleanup(base.CloseIdleConnections)
		rt, err := holdfasthttp.NewTransport(p, holdfasthttp.WithBase(base))
		require.NoError(t, err)
		send := func(method string, code int) func(context.Context) error {
			return func(ctx context.Context) error {
				body := bytes.NewReader([]byte("10 EUR"))
				req, err := http.NewRequestWithContext(ctx, method, scheme+w.proxy.Addr()+"/"+strconv.Itoa(code), body)
				if err != nil {
					return err
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					return err
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if err := holdfasthttp.Stopped(resp); err != nil || resp.StatusCode < 400 {
					return err
				}
				return errStatus(resp.StatusCode)
			}
		}
		return client{
			write: send(http.MethodPost, 200), repeatable: send(http.MethodPut, 200), reads: send(http.MethodGet, 200),
			overloaded: send(http.MethodPost, 429), refused: send(http.MethodPost, 422), strange: send(http.MethodPost, 599),
		}
	}
	bare := anything
	if http2 { // there is TLS
		bare = nil
	}
	return service{addr: server.Listener.Addr().String(), connect: connect, count: &count, bare: bare}
}

func anything([]byte) bool { return true }

// hasHeaders is bare for HTTP/2 without TLS: a client sends a preface and frames for the
// connection, and then the frame of its request's headers.
func hasHeaders(sent []byte) bool {
	const (
		header  = 9 // of a frame: its length (3 bytes), its type, and more
		headers = 1 // that type
	)
	rest, ok := bytes.CutPrefix(sent, []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	for ok && len(rest) >= header {
		if rest[3] == headers {
			return true
		}
		length := int(rest[0])<<16 | int(rest[1])<<8 | int(rest[2])
		rest = rest[min(len(rest), header+length):]
	}
	return false
}

// errStatus is an answer that is the caller's fault: to a RoundTripper that is no error.
type errStatus int

func (e errStatus) Error() string               { return "HTTP status " + strconv.Itoa(int(e)) }
func (e errStatus) Verdict() resilience.Verdict { return resilience.Permanent }

// The .proto file says which method changes nothing.
func init() {
	const text = ".google.protobuf.Int32Value"
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("holdfast/agree/bank.proto"), Package: proto.String("holdfast.agree"), Syntax: proto.String("proto3"),
		Dependency: []string{"google/protobuf/wrappers.proto"},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: proto.String("Bank"),
			Method: []*descriptorpb.MethodDescriptorProto{{
				Name: proto.String("Read"), InputType: proto.String(text), OutputType: proto.String(text),
				Options: &descriptorpb.MethodOptions{IdempotencyLevel: descriptorpb.MethodOptions_NO_SIDE_EFFECTS.Enum()},
			}},
		}},
	}, protoregistry.GlobalFiles)
	if err == nil {
		err = protoregistry.GlobalFiles.RegisterFile(file)
	}
	if err != nil {
		panic(err)
	}
}

// grpcService answers with the code that the request says.
func grpcService(t *testing.T) service {
	t.Helper()
	var count atomic.Int64
	handle := func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := &wrapperspb.Int32Value{}
		if err := decode(in); err != nil {
			return nil, err
		}
		count.Add(1)
		return in, status.Error(codes.Code(in.GetValue()), "as was asked for") //nolint:gosec // one of the codes
	}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "holdfast.agree.Bank", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "Pay", Handler: handle}, {MethodName: "Set", Handler: handle}, {MethodName: "Read", Handler: handle},
		},
	}, struct{}{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connect := func(t *testing.T, w *world, p *holdfast.Pipeline) client {
		t.Helper()
		options, err := holdfastgrpc.DialOptions(p, holdfastgrpc.WithIdempotentMethods("/holdfast.agree.Bank/Set"))
		require.NoError(t, err)
		options = append(options,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff: backoff.Config{BaseDelay: long, Multiplier: 1, MaxDelay: long}, MinConnectTimeout: long,
			}))
		conn, err := grpc.NewClient("passthrough:///"+w.proxy.Addr(), options...)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		send := func(method string, code codes.Code) func(context.Context) error {
			return func(ctx context.Context) error {
				return conn.Invoke(ctx, "/holdfast.agree.Bank/"+method, wrapperspb.Int32(int32(code)), &wrapperspb.Int32Value{}) //nolint:gosec // one of the codes
			}
		}
		return client{
			write: send("Pay", codes.OK), repeatable: send("Set", codes.OK), reads: send("Read", codes.OK),
			overloaded: send("Pay", codes.ResourceExhausted),
			refused:    send("Pay", codes.InvalidArgument), strange: send("Pay", codes.Unknown),
		}
	}
	return service{addr: listener.Addr().String(), connect: connect, count: &count}
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// redisService is a real Redis. Errors that it cannot be made to say are said by the proxy.
func redisService(t *testing.T) service {
	t.Helper()
	redis.SetLogger(silent{}) // it reports each fault
	opt := redisOptions(t)
	key := "holdfast:agree:" + suffix()
	direct := redis.NewClient(opt)
	t.Cleanup(func() { _ = direct.Close() })
	if err := direct.Ping(t.Context()).Err(); err != nil {
		missing(t, "no Redis ("+err.Error()+"); start one: docker run --rm -p 6379:6379 redis:7, or name one by HOLDFAST_REDIS")
	}
	t.Cleanup(func() { direct.Del(context.Background(), key+":n", key+":s") })
	require.NoError(t, direct.Set(t.Context(), key+":s", "text", time.Hour).Err())
	connect := func(t *testing.T, w *world, p *holdfast.Pipeline) client {
		t.Helper()
		c, err := holdfastredis.NewClient(&redis.Options{
			Addr: w.proxy.Addr(), Username: opt.Username, Password: opt.Password, DB: opt.DB, TLSConfig: opt.TLSConfig,
			ReadTimeout: 4 * short, // what ends a canceled command
		}, p)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		incr := func(ctx context.Context) error { return c.Incr(ctx, key+":n").Err() }
		answered := func(text string) func(context.Context) error {
			return func(ctx context.Context) error {
				w.lossy.Answer(text)
				return incr(ctx)
			}
		}
		return client{
			write:      incr,
			repeatable: func(ctx context.Context) error { return c.Set(ctx, key+":n", 1, time.Hour).Err() },
			reads:      func(ctx context.Context) error { return c.Get(ctx, key+":s").Err() },
			overloaded: answered("-ERR max number of clients reached\r\n"),
			refused:    func(ctx context.Context) error { return c.LPush(ctx, key+":s", 1).Err() },
			strange:    answered("-UPSTREAM no healthy host\r\n"),
		}
	}
	return service{addr: opt.Addr, connect: connect}
}
