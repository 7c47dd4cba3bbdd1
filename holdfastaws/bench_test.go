package holdfastaws_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastaws"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// well is an AWS that answers at once, without a network.
type well struct{}

func (well) Do(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Request: req, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"QueueUrl":"q"}`)),
	}, nil
}

// clients are the ones that are compared: by the SDK alone, and through pipelines.
func clients(tb testing.TB) map[string]*sqs.Client {
	tb.Helper()
	bare := loaded
	bare.HTTPClient = well{}
	made := map[string]*sqs.Client{}
	plain := func(name string, r aws.Retryer) {
		cfg := bare
		cfg.Retryer = func() aws.Retryer { return r }
		made[name] = sqs.NewFromConfig(cfg)
	}
	plain("the SDK, NopRetryer", aws.NopRetryer{})
	plain("the SDK, Standard", awsretry.NewStandard())
	through := func(name string, p *holdfast.Pipeline, err error) {
		if err != nil {
			tb.Fatal(err)
		}
		cfg, err := holdfastaws.NewConfig(bare, p)
		if err != nil {
			tb.Fatal(err)
		}
		made[name] = sqs.NewFromConfig(cfg)
	}
	p, err := holdfast.New("queue", budget.Config{}, retry.Config{}, breaker.Config{})
	through("budget, retry, breaker", p, err)
	p, err = holdfast.New("queue", holdfast.Critical()...)
	through("Critical", p, err)
	return made
}

// BenchmarkSuccess measures an operation that succeeds: the SDK alone, which is 1×, and with us.
func BenchmarkSuccess(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	in := &sqs.GetQueueUrlInput{QueueName: aws.String("q")}
	all := clients(b)
	for _, name := range []string{"the SDK, NopRetryer", "the SDK, Standard", "budget, retry, breaker", "Critical"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := all[name].GetQueueUrl(ctx, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
