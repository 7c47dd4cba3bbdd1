package holdfastaws

import (
	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
)

// Option configures how operations are protected.
type Option func(*options)

type options struct {
	pipelines  adapter.Pipelines[Call]
	idempotent func(Call) bool

	wrong *adapter.Check
}

func newOptions(p *holdfast.Pipeline, opts []Option) *options {
	o := &options{idempotent: Idempotent, wrong: &adapter.Check{Package: "holdfastaws"}}
	adapter.Apply(o.wrong, o, opts)
	o.pipelines.Default = p
	o.pipelines.Check(o.wrong)
	return o
}

// WithPipelines chooses a pipeline by the operation: a longer deadline for a ReceiveMessage that
// waits 20 s for messages, for example. If choose returns nil, the constructor's pipeline is used;
// if that is nil too, the operation fails. If choose returns [holdfast.None], the operation is made
// without a pipeline, and without retries. choose is called once for every operation, and must be
// safe for concurrent use. It should look the pipeline up, not create one: a new pipeline per call
// has no history.
func WithPipelines(choose func(call Call) *holdfast.Pipeline) Option {
	return func(o *options) {
		o.wrong.NotNil("WithPipelines", choose, "want a function that returns an operation's pipeline")
		o.pipelines.Choose = choose
	}
}

// WithIdempotent sets the function that says which operations may be carried out twice. Default:
// [Idempotent]. It is called only for failed operations, and must be safe for concurrent use. A
// mark of the ctx (resilience.MarkOnce, MarkIdempotent) goes before it.
//
//	holdfastaws.WithIdempotent(func(call holdfastaws.Call) bool {
//		return call.Operation == "PutObjectTagging" || holdfastaws.Idempotent(call)
//	})
//
// A function that always returns true gives the SDK's own behavior: it sends everything again.
func WithIdempotent(idempotent func(call Call) bool) Option {
	return func(o *options) {
		o.wrong.NotNil("WithIdempotent", idempotent, "want a function that says which operations may be carried out twice")
		o.idempotent = idempotent
	}
}
