package recipes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// document has an id of its own. Without one, each attempt would make a new document.
type document struct {
	id   string
	body json.RawMessage
}

// newElastic makes the transport of go-elasticsearch, without retries: the pipeline's loop is the
// only one.
func newElastic(at *url.URL) (*elastictransport.Client, error) {
	return elastictransport.NewClient(elastictransport.WithURLs(at), elastictransport.WithDisableRetry())
}

// bulk writes all documents. It returns those that Elasticsearch will never take, by id.
func bulk(ctx context.Context, p *holdfast.Pipeline, client elastictransport.Interface, docs []document) (map[string]string, error) {
	refused, left := map[string]string{}, docs
	err := p.Do(ctx, func(ctx context.Context) error {
		statuses, err := bulkOnce(ctx, client, left)
		if err != nil {
			return err
		}
		var again []document
		busy := 0
		for i, s := range statuses {
			switch {
			case s.Status == http.StatusTooManyRequests:
				busy++
				again = append(again, left[i])
			case s.Status >= 500:
				again = append(again, left[i])
			case s.Status >= 400:
				refused[left[i].id] = s.Error.Type + ": " + s.Error.Reason
			}
		}
		left = again // the next attempt sends these alone
		switch {
		case busy > 0:
			return resilience.MarkOverload(fmt.Errorf("bulk: %d of %d documents were too much", busy, len(statuses)), 0)
		case len(again) > 0:
			return resilience.MarkTransient(fmt.Errorf("bulk: %d of %d documents failed", len(again), len(statuses)))
		}
		return nil
	})
	return refused, err
}

// status is what came of one document.
type status struct {
	Status int
	Error  struct{ Type, Reason string }
}

func bulkOnce(ctx context.Context, client elastictransport.Interface, docs []document) ([]status, error) {
	var body bytes.Buffer
	for _, d := range docs {
		fmt.Fprintf(&body, "{\"index\":{\"_id\":%q}}\n%s\n", d.id, d.body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/orders/_bulk", &body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := client.Perform(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode != http.StatusOK {
		return nil, &resilience.Error{Kind: resilience.KindExternalAPI, Service: "elasticsearch", Status: resp.StatusCode}
	}
	var answer struct{ Items []struct{ Index status } }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if len(answer.Items) != len(docs) {
		return nil, fmt.Errorf("bulk: %d answers to %d documents", len(answer.Items), len(docs))
	}
	statuses := make([]status, len(docs))
	for i, item := range answer.Items {
		statuses[i] = item.Index
	}
	return statuses, nil
}

// elastic is a stub of Elasticsearch. It answers each _bulk by the next of its scripts: a status
// for each document, or one for the whole request.
type elastic struct {
	mu      sync.Mutex
	scripts []any // int or []int
	got     []int // how many documents each request had
	index   map[string]int
}

func (e *elastic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	whole, _ := io.ReadAll(r.Body)
	lines := strings.Split(strings.TrimSpace(string(whole)), "\n")
	script := e.scripts[min(len(e.got), len(e.scripts)-1)]
	e.got = append(e.got, len(lines)/2)
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	if code, ok := script.(int); ok {
		w.WriteHeader(code)
		return
	}
	items := make([]string, len(lines)/2)
	for i := range items {
		var action struct {
			Index struct {
				ID string `json:"_id"`
			}
		}
		_ = json.Unmarshal([]byte(lines[2*i]), &action)
		code := script.([]int)[i]
		items[i] = fmt.Sprintf(`{"index":{"_id":%q,"status":%d,"error":{"type":"t%d","reason":"r"}}}`, action.Index.ID, code, code)
		if code < 300 {
			e.index[action.Index.ID]++
		}
	}
	_, _ = fmt.Fprintf(w, `{"errors":true,"items":[%s]}`, strings.Join(items, ","))
}

func newElasticStub(t *testing.T, scripts ...any) (*elastic, *elastictransport.Client) {
	t.Helper()
	e := &elastic{scripts: scripts, index: map[string]int{}}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	client, err := newElastic(at)
	require.NoError(t, err)
	return e, client
}

func newIndexing(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("orders", deadline.In(time.Minute), budget.Config{Ratio: 0.2, Floor: 10},
		retry.Custom(3, time.Millisecond, 5*time.Millisecond, true))
	require.NoError(t, err)
	return p
}

func orders(n int) []document {
	docs := make([]document, n)
	for i := range docs {
		docs[i] = document{fmt.Sprintf("order-%d", i), json.RawMessage(`{"amount":1}`)}
	}
	return docs
}

// Of four documents one is refused for good, and two are too much at first. Only those are sent
// again. olivere/elastic#629 and #666 are reports of documents that got lost, and of all being sent
// again.
func TestElasticsearchPartialFailure(t *testing.T) {
	e, client := newElasticStub(t, []int{201, 400, 429, 429}, []int{201, 503}, []int{200})
	p := newIndexing(t)
	refused, err := bulk(t.Context(), p, client, orders(4))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"order-1": "t400: r"}, refused)
	require.Equal(t, []int{4, 2, 1}, e.got)
	require.Equal(t, map[string]int{"order-0": 1, "order-2": 1, "order-3": 1}, e.index)
}

// The whole request is too much, then it succeeds.
func TestElasticsearchTooManyRequests(t *testing.T) {
	e, client := newElasticStub(t, 429, 503, []int{201, 201})
	_, err := bulk(t.Context(), newIndexing(t), client, orders(2))
	require.NoError(t, err)
	require.Equal(t, []int{2, 2, 2}, e.got)
}

// It stays too much: the call ends, and says so. What had come through is there once.
func TestElasticsearchBusyForGood(t *testing.T) {
	e, client := newElasticStub(t, []int{201, 429}, []int{429})
	_, err := bulk(t.Context(), newIndexing(t), client, orders(2))
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.Equal(t, resilience.Overload, resilience.Classify(err))
	require.Equal(t, []int{2, 1, 1, 1}, e.got)
	require.Equal(t, map[string]int{"order-0": 1}, e.index)
}

// A mistake in the request is not sent again.
func TestElasticsearchBadRequest(t *testing.T) {
	e, client := newElasticStub(t, 400)
	_, err := bulk(t.Context(), newIndexing(t), client, orders(2))
	require.Error(t, err)
	require.Equal(t, []int{2}, e.got)
}

// Searches go by holdfasthttp, under the client. The client's own loop makes each of its attempts
// the first of a new call, so that they multiply: 4 attempts of 4 attempts.
func TestElasticsearchTwoLoops(t *testing.T) {
	for _, c := range []struct {
		disable bool
		asked   int32
	}{{true, 4}, {false, 16}} {
		var asked atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.WriteHeader(http.StatusBadGateway)
		}))
		defer server.Close()
		defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		transport, err := holdfasthttp.NewTransport(holdfast.Must(holdfast.New("search", retry.Custom(3, time.Millisecond, time.Millisecond, false))))
		require.NoError(t, err)
		at, err := url.Parse(server.URL)
		require.NoError(t, err)
		opts := []elastictransport.Option{
			elastictransport.WithURLs(at), elastictransport.WithTransport(transport),
			elastictransport.WithRetryBackoff(func(int) time.Duration { return time.Millisecond }),
		}
		if c.disable {
			opts = append(opts, elastictransport.WithDisableRetry())
		}
		client, err := elastictransport.NewClient(opts...)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/orders/_search", http.NoBody)
		require.NoError(t, err)
		resp, err := client.Perform(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, c.asked, asked.Load(), "DisableRetry %v", c.disable)
	}
}
