package holdfasthttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// printing is a server that answers the statuses one after the other, and 200 after the last. It
// prints what show says of each request.
func printing(show func(r *http.Request) string, statuses ...int) *httptest.Server {
	n := 0
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("got", show(r))
		if n++; n <= len(statuses) {
			w.WriteHeader(statuses[n-1])
		}
	}))
}

// send sends a request through a pipeline that retries, and prints the final status.
func send(method, url, body string, opts ...holdfasthttp.Option) {
	sendWith(http.Header{}, method, url, body, opts...)
}

func sendWith(headers http.Header, method, url, body string, opts ...holdfasthttp.Option) {
	search := holdfast.Must(holdfast.New("search", deadline.In(time.Hour), retry.Config{BaseDelay: time.Millisecond}))
	client, err := holdfasthttp.NewClient(search, opts...)
	if err != nil {
		fmt.Println(err)
		return
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header = headers
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.StatusCode)
}

// A server can tell a retry from a first attempt, and answer what it may still have.
func ExampleWithAttemptHeader() {
	server := printing(func(r *http.Request) string { return strconv.Quote(r.Header.Get(holdfasthttp.AttemptHeader)) }, 503)
	defer server.Close()
	send(http.MethodGet, server.URL, "", holdfasthttp.WithAttemptHeader(holdfasthttp.AttemptHeader))
	// Output:
	// got ""
	// got "2"
	// 200
}

// A server need not work for longer than somebody waits.
func ExampleWithTimeoutHeader() {
	server := printing(func(r *http.Request) string {
		ms := r.Header.Get(holdfasthttp.TimeoutHeader)
		return fmt.Sprint("a time limit: ", ms != "", ", in ms: ", len(ms) == len("3599999"))
	})
	defer server.Close()
	send(http.MethodGet, server.URL, "", holdfasthttp.WithTimeoutHeader(holdfasthttp.TimeoutHeader))
	// Output:
	// got a time limit: true, in ms: true
	// 200
}

// Each attempt gets a signature of its own: one that was made before a pause may be too old.
func ExampleWithBeforeAttempt() {
	server := printing(func(r *http.Request) string { return r.Header.Get("Signature") }, 503)
	defer server.Close()
	send(http.MethodGet, server.URL, "", holdfasthttp.WithBeforeAttempt(func(r *http.Request, attempt int) error {
		r.Header.Set("Signature", fmt.Sprint("signed for attempt ", attempt))
		return nil
	}))
	// Output:
	// got signed for attempt 1
	// got signed for attempt 2
	// 200
}

// This body can be read once only. It is kept, so that it can be sent again.
func ExampleWithBodyBuffer() {
	server := printing(func(r *http.Request) string {
		body, _ := io.ReadAll(r.Body)
		return string(body)
	}, 503)
	defer server.Close()

	search := holdfast.Must(holdfast.New("search", retry.Config{BaseDelay: time.Millisecond}))
	client, err := holdfasthttp.NewClient(search, holdfasthttp.WithBodyBuffer(64<<10))
	if err != nil {
		fmt.Println(err)
		return
	}
	body := io.MultiReader(strings.NewReader("query")) // net/http does not know how to rewind it
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, server.URL, body)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.StatusCode)
	// Output:
	// got query
	// got query
	// 200
}

// Stripe's header is Idempotency-Key, which is the default. This provider has another one.
func ExampleWithIdempotencyHeader() {
	server := printing(func(r *http.Request) string { return r.Method + " " + r.Header.Get("X-Request-Key") }, 503)
	defer server.Close()
	headers := http.Header{"X-Request-Key": {"order-42"}}
	sendWith(headers, http.MethodPost, server.URL, "10 EUR", holdfasthttp.WithIdempotencyHeader("X-Request-Key"))
	// Output:
	// got POST order-42
	// got POST order-42
	// 200
}

// A search is a POST, and may be sent twice.
func ExampleWithIdempotent() {
	server := printing(func(r *http.Request) string { return r.Method + " " + r.URL.Path }, 503)
	defer server.Close()
	send(http.MethodPost, server.URL+"/search", "query", holdfasthttp.WithIdempotent(func(r *http.Request) bool {
		return r.Method == http.MethodGet || r.URL.Path == "/search"
	}))
	// Output:
	// got POST /search
	// got POST /search
	// 200
}

// This server answers 500 for requests that it will never understand.
func ExampleWithRetryStatuses() {
	server := printing(func(r *http.Request) string { return r.Method }, 500)
	defer server.Close()
	send(http.MethodGet, server.URL, "", holdfasthttp.WithRetryStatuses(429, 502, 503, 504))
	// Output:
	// got GET
	// 500
}

// A large upload may take longer than an attempt's deadline, as long as it makes progress.
func ExampleWithUploadStall() {
	server := printing(func(r *http.Request) string {
		n, _ := io.Copy(io.Discard, r.Body)
		return fmt.Sprint(n, " bytes")
	})
	defer server.Close()
	send(http.MethodPut, server.URL, strings.Repeat("x", 1<<20), holdfasthttp.WithUploadStall(10*time.Second))
	// Output:
	// got 1048576 bytes
	// 200
}

// A refusal in the format of the server's other answers.
func ExampleWithRefusal() {
	orders := holdfast.Must(holdfast.New("orders", ratelimit.Config{Rate: 0.01, Burst: 1}))
	protect, err := holdfasthttp.Middleware(orders, holdfasthttp.WithRefusal(func(w http.ResponseWriter, _ *http.Request, status int, err error) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"title":%q}`, resilience.ReasonOf(err))
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "order 42") }))
	for range 2 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/orders/42", http.NoBody))
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 order 42
	// 429 {"title":"rate_limited"}
}

// A 404 of this handler says that the store behind it has lost its data: a breaker shall count it.
func ExampleWithClassifyStatus() {
	orders := holdfast.Must(holdfast.New("orders", breaker.Config{ConsecutiveFailures: 2}))
	protect, err := holdfasthttp.Middleware(orders, holdfasthttp.WithClassifyStatus(func(_ *http.Request, status int) resilience.Verdict {
		if status == http.StatusNotFound {
			return resilience.Transient
		}
		return resilience.Unclassified // the rules of Middleware decide
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }))
	for range 3 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/orders/42", http.NoBody))
		fmt.Println(w.Code)
	}
	// Output:
	// 404
	// 404
	// 503
}
