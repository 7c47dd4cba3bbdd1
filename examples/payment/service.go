package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
)

// service is a payment service that answers with the statuses it was told to, and goes on with the
// last one. It takes the money of a key once, however often it is asked; without a key it takes it
// each time.
type service struct {
	*httptest.Server

	mu       sync.Mutex
	statuses []int
	requests int
	charges  int
	receipts map[string]string // by idempotency key
}

func newService() *service {
	s := &service{receipts: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.charge))
	return s
}

func (s *service) charge(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	status := s.statuses[0]
	if len(s.statuses) > 1 {
		s.statuses = s.statuses[1:]
	}
	w.WriteHeader(status)
	if status == http.StatusOK || status == http.StatusGatewayTimeout {
		fmt.Fprint(w, s.take(r.Header.Get("Idempotency-Key")))
	}
}

func (s *service) take(key string) (receipt string) {
	if receipt, ok := s.receipts[key]; ok && key != "" {
		return receipt
	}
	s.charges++
	s.receipts[key] = "receipt for " + key
	return s.receipts[key]
}

// answer sets what is answered from now on.
func (s *service) answer(statuses ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses, s.requests, s.charges = statuses, 0, 0
}

func (s *service) count() (requests, charges int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests, s.charges
}
