package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
)

// standIn serves two films: the one after it failed twice, the other after it asked for a second's
// pause, as a rate limit does.
func standIn() *httptest.Server {
	var matrix, fightClub atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /movie/603", func(w http.ResponseWriter, _ *http.Request) {
		if matrix.Add(1) <= 2 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, `{"id": 603, "title": "The Matrix", "release_date": "1999-03-31"}`)
	})
	mux.HandleFunc("GET /movie/550", func(w http.ResponseWriter, _ *http.Request) {
		if fightClub.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, _ = io.WriteString(w, `{"id": 550, "title": "Fight Club", "release_date": "1999-10-15"}`)
	})
	return httptest.NewServer(mux)
}
