package holdfastgrpc

import (
	"time"

	"google.golang.org/grpc/codes"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/adapter/rpc"
)

// Option configures an interceptor.
type Option func(*options)

type options struct {
	pipelines  adapter.Pipelines[string] // by method
	idempotent rpc.Names
	retryCodes []rpc.Code
	buffer     int
	pushback   time.Duration
	headers    bool // the attempt's deadline covers the wait for a stream's header

	server bool // the options are for a server
	wrong  *adapter.Check
}

const (
	defaultStreamBuffer = 256 << 10 // gRPC's own, for retries
	defaultPushback     = 100 * time.Millisecond
)

func clientOptions(p *holdfast.Pipeline, opts []Option) (*options, error) {
	return apply(&options{buffer: defaultStreamBuffer}, p, opts)
}

func serverOptions(p *holdfast.Pipeline, opts []Option) (*options, error) {
	return apply(&options{pushback: defaultPushback, server: true}, p, opts)
}

func apply(o *options, p *holdfast.Pipeline, opts []Option) (*options, error) {
	o.wrong = &adapter.Check{Package: "holdfastgrpc"}
	adapter.Apply(o.wrong, o, opts)
	o.pipelines.Default = p
	o.pipelines.Check(o.wrong)
	if err := o.wrong.Err(); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *options) clientOnly(option string) {
	if o.server {
		o.wrong.Fail(option, "given to a server", "leave it out: it is for clients")
	}
}

func (o *options) serverOnly(option string) {
	if !o.server {
		o.wrong.Fail(option, "given to a client", "leave it out: it is for servers")
	}
}

// WithPipelines chooses a pipeline by the full name of the method, such as "/auth.Auth/Login". If
// choose returns nil, the interceptor's own pipeline is used; if that is nil too, the call fails.
// If choose returns [holdfast.None], the call uses no pipeline. choose is called for every call,
// and must be safe for concurrent use. It should look the pipeline up, not create one: a new
// pipeline per call has no history. For clients and servers.
func WithPipelines(choose func(method string) *holdfast.Pipeline) Option {
	return func(o *options) {
		o.wrong.NotNil("WithPipelines", choose, "want a function that returns a method's pipeline")
		o.pipelines.Choose = choose
	}
}

// WithIdempotentMethods names methods that are safe to carry out twice. Give full names, like the
// constants in generated code: "/auth.Auth/Check". A name that ends in a slash means all methods
// that begin with it: "/auth.Auth/", or "/" for every method. For clients.
func WithIdempotentMethods(names ...string) Option {
	return func(o *options) {
		o.clientOnly("WithIdempotentMethods")
		for _, name := range names {
			if name == "" {
				o.wrong.Fail("WithIdempotentMethods", `""`, `want the full name of a method, such as "/auth.Auth/Check"`)
				continue
			}
			o.idempotent = o.idempotent.Add(name)
		}
	}
}

// WithRetryCodes adds codes after which a call is retried, if a second attempt is safe. An example
// is codes.Aborted, if the call is the whole operation. It does not change what breakers count. For
// clients.
func WithRetryCodes(more ...codes.Code) Option {
	return func(o *options) {
		o.clientOnly("WithRetryCodes")
		for _, code := range more {
			if !rpc.Code(code).IsError() {
				o.wrong.Fail("WithRetryCodes", code, "want the code of an error, from %d (%[1]v) to %[2]d (%[2]v)", codes.Canceled, codes.Unauthenticated)
			}
			o.retryCodes = append(o.retryCodes, rpc.Code(code))
		}
	}
}

// WithStreamBuffer sets how many bytes of sent messages a stream keeps for another attempt. Default
// 256 KiB (262144); 0 keeps none. A stream that sends more is not retried. Nor is a stream that
// sends a message of unknown size: one that is not a proto.Message and has no method Size() int.
// For clients.
func WithStreamBuffer(bytes int) Option {
	return func(o *options) {
		o.clientOnly("WithStreamBuffer")
		if bytes < 0 {
			o.wrong.Fail("WithStreamBuffer", bytes, "want a number of bytes, or 0 to keep none")
		}
		o.buffer = bytes
	}
}

// WithStreamDeadline makes the deadline of an attempt cover the wait for a stream's header. A
// stream without a header by then is ended, counts as a failure, and is opened again if that is
// safe. Without this option, the deadline covers only the time until the stream has a connection,
// so that a subscription without news is not ended. Use the option if servers answer at once, or
// send their header early. For clients.
func WithStreamDeadline() Option {
	return func(o *options) {
		o.clientOnly("WithStreamDeadline")
		o.headers = true
	}
}

// WithPushback sets the pause that a server asks for when it refuses a call. If the refusal itself
// has a pause, as that of an open breaker does, that pause is sent instead. Default 100 ms; -1
// tells clients not to retry, whatever the refusal says. The pause is sent in whole milliseconds,
// rounded up. For servers.
func WithPushback(d time.Duration) Option {
	return func(o *options) {
		o.serverOnly("WithPushback")
		if d < -1 {
			o.wrong.Fail("WithPushback", d, "want a pause, 0 for none, or -1 to tell clients not to retry")
		}
		o.pushback = d
	}
}
