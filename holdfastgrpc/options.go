package holdfastgrpc

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/media-gateway/holdfast"
)

// Option changes how an interceptor works.
type Option func(*settings)

type settings struct {
	pipeline   *holdfast.Pipeline
	perMethod  func(method string) *holdfast.Pipeline
	idempotent []string
	retryCodes []codes.Code
	buffer     int
	pushback   time.Duration
}

const (
	defaultStreamBuffer = 256 << 10 // gRPC's own, for retries
	defaultPushback     = 100 * time.Millisecond
)

func newSettings(p *holdfast.Pipeline, options []Option) *settings {
	s := &settings{pipeline: p, buffer: defaultStreamBuffer, pushback: defaultPushback}
	for _, o := range options {
		if o != nil {
			o(s)
		}
	}
	return s
}

// PerMethod chooses a pipeline by the full name of the method: "/auth.Auth/Login". Where choose returns nil, the
// interceptor's own pipeline is used. It is called for every call, from many goroutines at
// once, so it should look the pipeline up, and not make one. For clients and servers.
func PerMethod(choose func(method string) *holdfast.Pipeline) Option {
	return func(s *settings) { s.perMethod = choose }
}

// pipelineFor returns nil if the method is not protected.
func (s *settings) pipelineFor(method string) *holdfast.Pipeline {
	if s.perMethod != nil {
		if p := s.perMethod(method); p != nil {
			return p
		}
	}
	return s.pipeline
}

// IdempotentMethods names methods that may be carried out twice without harm, by their full names,
// as the constants of generated code have them: "/auth.Auth/Check". A name that ends in a slash stands for all
// methods that begin with it: "/auth.Auth/", or "/" for every method. For clients.
func IdempotentMethods(names ...string) Option {
	return func(s *settings) {
		for _, name := range names {
			if name != "" {
				s.idempotent = append(s.idempotent, "/"+strings.TrimPrefix(name, "/"))
			}
		}
	}
}

func (s *settings) isNamedIdempotent(method string) bool {
	return slices.ContainsFunc(s.idempotent, func(name string) bool {
		return method == name || strings.HasSuffix(name, "/") && strings.HasPrefix(method, name)
	})
}

// RetryCodes makes more codes worth a retry, where a second try does no harm: codes.Aborted, for
// one, if the whole operation is in the one call. They count for a breaker as they did before. For clients.
func RetryCodes(more ...codes.Code) Option {
	return func(s *settings) { s.retryCodes = append(s.retryCodes, more...) }
}

// StreamBuffer sets how many bytes of sent messages a stream keeps for another attempt. Default 256 KiB
// (262144); 0 or less keeps none. A stream that sends more is not retried; nor is one that
// sends messages of unknown size: neither a proto.Message, nor with a method Size() int. For clients.
func StreamBuffer(bytes int) Option {
	return func(s *settings) { s.buffer = max(0, bytes) }
}

// Pushback sets the pause that a server asks of clients it refuses, where the refusal does not say it better, as
// an open breaker's does. Default 100 ms; a negative one tells them not to retry. It is sent in whole
// milliseconds, rounded up. For servers.
func Pushback(d time.Duration) Option {
	return func(s *settings) { s.pushback = d }
}
