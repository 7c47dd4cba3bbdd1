package holdfasthttp_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// logged is what a server complains of: a response that is written twice, a panic.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// listen serves handler on a real listener, by HTTP/1.1 or HTTP/2.
func listen(t *testing.T, http2 bool, handler http.Handler) (*httptest.Server, *logged) {
	t.Helper()
	server, said := httptest.NewUnstartedServer(handler), &logged{}
	server.Config.ErrorLog = log.New(said, "", 0)
	if http2 {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server, said
}

// versions are the two kinds of servers of net/http: true is HTTP/2.
var versions = map[string]bool{"HTTP/1": false, "HTTP/2": true}

func all(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	return newPipeline(t, ratelimit.Config{Rate: 1e6}, bulkhead.Config{Adaptive: &bulkhead.Adaptive{}},
		breaker.Config{ConsecutiveFailures: 1000}, deadline.In(time.Minute))
}

func do(t *testing.T, server *httptest.Server, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(text)
}

func requestTo(t *testing.T, method, to string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, to, body)
	require.NoError(t, err)
	return req
}

// Pins: a refusal over the wire, for GET, HEAD and a POST whose body nobody reads.
func TestARefusalOverTheWire(t *testing.T) {
	for version, http2 := range versions {
		t.Run(version, func(t *testing.T) {
			server, said := listen(t, http2, protected(t, newPipeline(t, emptied(t, 0.1)), never(t)))
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
				resp, text := do(t, server, requestTo(t, method, server.URL, strings.NewReader(strings.Repeat("x", 1<<16))))
				require.Equal(t, http.StatusTooManyRequests, resp.StatusCode, method)
				require.Contains(t, []string{"9", "10"}, resp.Header.Get("Retry-After"), method)
				if method == http.MethodHead {
					require.Empty(t, text)
				} else {
					require.Equal(t, "Too Many Requests\n", text, method)
				}
			}
			require.Empty(t, said.String())
		})
	}
}

// Pins: a stream arrives as it is written, also through an http.ResponseController, and
// informational responses come before it.
func TestAHandlerStreams(t *testing.T) {
	for version, http2 := range versions {
		t.Run(version, func(t *testing.T) {
			next := make(chan struct{})
			server, said := listen(t, http2, protected(t, all(t), func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Link", "</style.css>; rel=preload")
				w.WriteHeader(http.StatusEarlyHints)
				w.Header().Set("Content-Type", "text/event-stream")
				for i := range 4 {
					fmt.Fprintf(w, "data: %d\n\n", i)
					if i%2 == 0 {
						w.(http.Flusher).Flush()
					} else if err := http.NewResponseController(w).Flush(); err != nil {
						t.Error(err)
					}
					select {
					case <-next:
					case <-r.Context().Done():
					}
				}
			}))
			hints := 0
			req := requestTo(t, http.MethodGet, server.URL, nil)
			req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
					if code == http.StatusEarlyHints && h.Get("Link") != "" {
						hints++
					}
					return nil
				},
			}))
			resp, err := server.Client().Do(req)
			require.NoError(t, err)
			lines := bufio.NewReader(resp.Body)
			for i := range 4 {
				line, err := lines.ReadString('\n')
				require.NoError(t, err)
				require.Equal(t, fmt.Sprintf("data: %d\n", i), line)
				_, err = lines.ReadString('\n')
				require.NoError(t, err)
				next <- struct{}{}
			}
			require.NoError(t, resp.Body.Close())
			require.Equal(t, 1, hints)
			require.Empty(t, said.String())
		})
	}
}

// Pins: a handler takes over the connection, as WebSocket libraries do, by an assertion and by an
// http.ResponseController. Its place is taken until it returns, and nothing is written after it
// (coder/websocket#335), though the pipeline's deadline is over.
func TestAHandlerTakesOverTheConnection(t *testing.T) {
	for name, hijack := range map[string]func(http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error){
		"assertion": func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) { return w.(http.Hijacker).Hijack() },
		"controller": func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) {
			return http.NewResponseController(w).Hijack()
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, bulkhead.Config{MaxConcurrent: 1}, breaker.Config{ConsecutiveFailures: 9}, deadline.In(10*ms))
			ended := make(chan struct{})
			handler := protected(t, p, func(w http.ResponseWriter, r *http.Request) {
				conn, buffer, err := hijack(w)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = conn.Close() }()
				<-r.Context().Done()
				fmt.Fprint(buffer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
				_ = buffer.Flush()
				_, _ = io.Copy(conn, buffer)
			})
			server, said := listen(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/" {
					defer close(ended)
				}
				handler.ServeHTTP(w, r)
			}))
			req := requestTo(t, http.MethodGet, server.URL+"/", nil)
			req.Header.Set("Connection", "Upgrade")
			req.Header.Set("Upgrade", "echo")
			resp, err := server.Client().Do(req)
			require.NoError(t, err)
			require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
			conn := resp.Body.(io.ReadWriteCloser)
			fmt.Fprint(conn, "hello")
			got := make([]byte, 5)
			_, err = io.ReadFull(conn, got)
			require.NoError(t, err)
			require.Equal(t, "hello", string(got))

			refused, _ := do(t, server, requestTo(t, http.MethodGet, server.URL+"/other", nil))
			require.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)

			require.NoError(t, conn.Close())
			<-ended
			require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
			require.Zero(t, blamed(p), "an upgrade is no failure, however long it lives")
			require.Empty(t, said.String())
		})
	}
}

// Pins: a file is sent by the server's own ReadFrom, which can use sendfile.
func TestAHandlerSendsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	want := strings.Repeat("0123456789", 1<<14)
	require.NoError(t, os.WriteFile(path, []byte(want), 0o600))
	for version, http2 := range versions {
		t.Run(version, func(t *testing.T) {
			server, said := listen(t, http2, protected(t, all(t), func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }))
			resp, text := do(t, server, requestTo(t, http.MethodGet, server.URL, nil))
			require.Equal(t, http.StatusOK, resp.StatusCode)
			require.Equal(t, want, text)
			require.Empty(t, said.String())
		})
	}
}

// Pins: the temporary files of a form are removed, though the handler got a copy of the request
// (golang/go#58809), and a logger outside sees the pattern that the router matched.
func TestTheServersRequestLearns(t *testing.T) {
	for version, http2 := range versions {
		t.Run(version, func(t *testing.T) {
			for name, p := range map[string]*holdfast.Pipeline{"derived": all(t), "none": holdfast.None()} {
				dir := t.TempDir()
				t.Setenv("TMPDIR", dir)
				mux := http.NewServeMux()
				mux.HandleFunc("POST /files/{id}", func(w http.ResponseWriter, r *http.Request) {
					if err := r.ParseMultipartForm(1); err != nil {
						t.Error(err)
					}
					files, _ := filepath.Glob(filepath.Join(dir, "multipart-*"))
					fmt.Fprint(w, r.PathValue("id"), " ", len(files))
				})
				handler := protected(t, p, mux.ServeHTTP)
				var pattern string
				server, said := listen(t, http2, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					handler.ServeHTTP(w, r)
					pattern = r.Pattern
				}))
				var form strings.Builder
				parts := multipart.NewWriter(&form)
				part, err := parts.CreateFormFile("f", "f.bin")
				require.NoError(t, err)
				_, err = part.Write(make([]byte, 1<<20))
				require.NoError(t, err)
				require.NoError(t, parts.Close())
				req := requestTo(t, http.MethodPost, server.URL+"/files/42", strings.NewReader(form.String()))
				req.Header.Set("Content-Type", parts.FormDataContentType())
				req.Header.Set(holdfasthttp.TimeoutHeader, "60000")
				_, text := do(t, server, req)
				server.Close()
				require.Equal(t, "42 1", text, name)
				require.Equal(t, "POST /files/{id}", pattern, name)
				files, err := filepath.Glob(filepath.Join(dir, "multipart-*"))
				require.NoError(t, err)
				if !http2 || !leavesForms { // it leaves them without a Middleware, too
					require.Empty(t, files, name)
				}
				require.Empty(t, said.String())
			}
		})
	}
}
