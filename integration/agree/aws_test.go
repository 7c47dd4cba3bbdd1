package agree_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastaws"
)

// awsService answers as a queue does, with what the message asks for.
func awsService(t *testing.T) service {
	t.Helper()
	var count atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ MessageBody string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		count.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch in.MessageBody {
		case "", "10 EUR":
			_, _ = io.WriteString(w, "{}")
		case "strange":
			_, _ = io.WriteString(w, "<html>")
		default: // a code
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#`+in.MessageBody+`"}`)
		}
	}))
	server.Config.ErrorLog = quiet
	server.Start()
	t.Cleanup(server.Close)
	connect := func(t *testing.T, w *world, p *holdfast.Pipeline) client {
		t.Helper()
		base := &http.Transport{}
		t.Cleanup(base.CloseIdleConnections)
		cfg, err := holdfastaws.NewConfig(aws.Config{
			Region: "eu-central-1", BaseEndpoint: aws.String("http://" + w.proxy.Addr()), HTTPClient: &http.Client{Transport: base},
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
			}),
		}, p)
		require.NoError(t, err)
		c := sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.DisableMessageChecksumValidation = true })
		queue := aws.String("q")
		send := func(text string) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: &text})
				return err
			}
		}
		return client{
			write: send("10 EUR"), overloaded: send("ThrottlingException"), refused: send("InvalidMessageContents"), strange: send("strange"),
			repeatable: func(ctx context.Context) error {
				_, err := c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: queue})
				return err
			},
			reads: func(ctx context.Context) error {
				_, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: queue})
				return err
			},
		}
	}
	return service{addr: server.Listener.Addr().String(), connect: connect, count: &count, bare: anything}
}
