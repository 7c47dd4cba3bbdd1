package routers

import (
	"fmt"
	"net/http"
	"testing"
)

// recovers is what net/http's users write themselves.
func recovers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func netHTTP(protect func(http.Handler) http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, limited := r.Context().Deadline()
		fmt.Fprint(w, r.PathValue("id"), " ", limited)
	})
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		for i := range events {
			fmt.Fprintf(w, "data: %d\n", i)
			w.(http.Flusher).Flush()
			r.Context().Value(stepKey{}).(step).wait(r)
		}
	})
	mux.HandleFunc("GET /ws", echoes)
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("a bug") })
	mux.HandleFunc("GET /fails", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) })
	mux.HandleFunc("GET /slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	return recovers(protect(mux))
}

func TestNetHTTP(t *testing.T) { try(t, netHTTP, http.StatusGatewayTimeout) }
