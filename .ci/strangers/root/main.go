// A stranger's program that uses the root module: a pipeline from a file, over HTTP, with metrics,
// health and database/sql.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

func main() {
	file, err := config.Parse(strings.NewReader("services: {payments: {template: critical, retry: {base_delay: 1ms}}}"))
	check(err)
	service, _ := file.Service("payments")
	metrics, err := holdfastprom.New()
	check(err)
	check(prometheus.Register(metrics))
	payments, err := holdfast.New("payments", append([]resilience.Stage{holdfast.Observe(metrics)}, service.Stages()...)...)
	check(err)

	down := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down {
			down = false
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	client, err := holdfasthttp.NewClient(payments)
	check(err)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL, nil)
	check(err)
	response, err := client.Do(request)
	check(err)
	check(response.Body.Close())
	if response.StatusCode != http.StatusOK || payments.Snapshot().Attempts != 2 {
		log.Fatal("want a second attempt that succeeds: ", response.Status, payments.Snapshot())
	}

	page, err := holdfastdash.Handler([]*holdfast.Pipeline{payments})
	check(err)
	page.Close()
	answer := httptest.NewRecorder()
	holdfast.Health(payments).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	if _, err := holdfastsql.New((*sql.DB)(nil), payments); err == nil {
		log.Fatal("want an error for a pool that is nil")
	}
	fmt.Println("ok: two attempts, health", answer.Code)
}

func check(err error) {
	if err != nil {
		log.Fatal(errors.Join(errors.New("a stranger's program"), err))
	}
}
