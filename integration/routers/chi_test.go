package routers

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// chiRoutes are the same with and without the middleware inside.
func chiRoutes(r chi.Router) {
	r.Get("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, limited := r.Context().Deadline()
		fmt.Fprint(w, chi.URLParam(r, "id"), " ", limited)
	})
	r.Get("/stream", func(w http.ResponseWriter, r *http.Request) {
		for i := range events {
			fmt.Fprintf(w, "data: %d\n", i)
			w.(http.Flusher).Flush()
			r.Context().Value(stepKey{}).(step).wait(r)
		}
	})
	r.Get("/ws", echoes)
	r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("a bug") })
	r.Get("/fails", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) })
	r.Get("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

func chiInside(protect func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.RequestLogger(quietLog{}), middleware.Recoverer)
	r.Use(protect)
	chiRoutes(r)
	return r
}

func chiAround(protect func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.RequestLogger(quietLog{}), middleware.Recoverer)
	chiRoutes(r)
	return protect(r)
}

// quietLog makes chi wrap the writer, as its logger does, and says nothing.
type quietLog struct{ middleware.LogEntry }

func (q quietLog) NewLogEntry(*http.Request) middleware.LogEntry { return q }
func (quietLog) Write(int, int, http.Header, time.Duration, any) {}
func (quietLog) Panic(any, []byte)                               {}

func TestChi(t *testing.T) {
	t.Run("inside", func(t *testing.T) { try(t, chiInside, http.StatusGatewayTimeout) })
	t.Run("around", func(t *testing.T) { try(t, chiAround, http.StatusGatewayTimeout) })
}
