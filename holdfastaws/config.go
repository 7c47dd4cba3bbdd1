package holdfastaws

import (
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/holdfasthttp"
)

// NewConfig returns a copy of cfg. The operations of clients that are made from the copy go through
// p; cfg itself is unchanged, so each service can have a pipeline of its own:
//
//	tables, err := holdfastaws.NewConfig(cfg, tablesPipeline)
//	…
//	client := dynamodb.NewFromConfig(tables)
//
// p may be nil if [WithPipelines] chooses a pipeline for every operation. The retries are p's. The
// SDK's own are off: the copy has no RetryMode and no RetryMaxAttempts, which LoadDefaultConfig
// takes from the environment (AWS_RETRY_MODE, AWS_MAX_ATTEMPTS). A Retryer that code has set is an
// error, and so is an HTTPClient whose Transport is a *holdfasthttp.Transport: its loop and p's
// would multiply. An HTTPClient with any other loop multiplies as well, and has to report its
// connections (httptrace): else a dial that fails in its last try is taken for proof that nothing
// was sent. The error names every problem.
func NewConfig(cfg aws.Config, p *holdfast.Pipeline, opts ...Option) (aws.Config, error) {
	o := newOptions(p, opts)
	checkConfig(o.wrong, cfg)
	if err := o.wrong.Err(); err != nil {
		return aws.Config{}, err
	}
	cfg = cfg.Copy()
	cfg.RetryMode, cfg.RetryMaxAttempts = "", 0
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // else clients make one that nobody asks
	cfg.APIOptions = append(cfg.APIOptions[:len(cfg.APIOptions):len(cfg.APIOptions)], o.protect)
	return cfg, nil
}

// Middleware returns what [NewConfig] adds to APIOptions, for the options of one client or of one
// call:
//
//	client := sqs.NewFromConfig(cfg, func(o *sqs.Options) {
//		o.APIOptions = append(o.APIOptions, queue)
//	})
//
// It takes the place of the SDK's retry loop, whatever the Retryer is, and of an earlier Middleware
// of this package. It cannot see the HTTPClient: do not give the client one with a
// *holdfasthttp.Transport. The error names every problem. The func is safe for concurrent use.
func Middleware(p *holdfast.Pipeline, opts ...Option) (func(*middleware.Stack) error, error) {
	o := newOptions(p, opts)
	if err := o.wrong.Err(); err != nil {
		return nil, err
	}
	return o.protect, nil
}

// checkConfig records what of cfg would be a second retry loop.
func checkConfig(wrong *adapter.Check, cfg aws.Config) {
	if cfg.Retryer != nil {
		if r := cfg.Retryer(); r != (aws.NopRetryer{}) {
			wrong.Fail("aws.Config.Retryer", fmt.Sprintf("a %T", r), "leave it out: the pipeline retries")
		}
	}
	if c, ok := cfg.HTTPClient.(*http.Client); ok && c != nil {
		if _, ok := c.Transport.(*holdfasthttp.Transport); ok {
			wrong.Fail("aws.Config.HTTPClient", "a client with a *holdfasthttp.Transport",
				"want one without: its retries and the pipeline's would multiply")
		}
	}
}
