package retries

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	azure "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/google/go-github/v75/github"
	consul "github.com/hashicorp/consul/api"
	vault "github.com/hashicorp/vault/api"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v82"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/media-gateway/holdfast/resilience"
)

// server is where all requests go, whatever their address.
const server = "http://server.test"

var awsCredentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
})

func startAWS(t *testing.T, w *wire, options ...func(*dynamodb.Options)) call {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{
		Region: "r", BaseEndpoint: aws.String(server), HTTPClient: &http.Client{Transport: w.http(t, says(`{}`))},
		Credentials: awsCredentials,
	}, options...)
	return func(ctx context.Context) error {
		_, err := client.ListTables(ctx, &dynamodb.ListTablesInput{})
		return err
	}
}

func awsStoodDown(o *dynamodb.Options) {
	o.Retryer = aws.NopRetryer{}
}

func startMinIO(t *testing.T, w *wire, options minio.Options) call {
	t.Helper()
	options.Creds, options.Region = credentials.NewStaticV4("id", "secret", ""), "r"
	options.Transport = w.http(t, func(http.ResponseWriter, *http.Request) {})
	client, err := minio.New("server.test", &options)
	require.NoError(t, err)
	return func(ctx context.Context) error {
		_, err := client.BucketExists(ctx, "bucket")
		return err
	}
}

func startElastic(t *testing.T, w *wire, options ...elastictransport.Option) call {
	t.Helper()
	client, err := elastictransport.NewClient(append(options, elastictransport.WithTransport(w.http(t, says(`{}`))),
		elastictransport.WithURLs(&url.URL{Scheme: "http", Host: "server.test"}))...)
	require.NoError(t, err)
	return throughHTTP(client.Perform)
}

// throughHTTP calls what returns responses; a 5xx is an error then.
func throughHTTP(do func(*http.Request) (*http.Response, error)) call {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := do(req)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode >= http.StatusInternalServerError {
			return resilience.MarkTransient(fmt.Errorf("the server answered %s", resp.Status))
		}
		return nil
	}
}

func startVault(t *testing.T, w *wire, change func(*vault.Config)) call {
	t.Helper()
	config := vault.DefaultConfig()
	config.Address = server
	config.HttpClient.Transport = w.http(t, says(`{"data":{}}`))
	change(config)
	client, err := vault.NewClient(config)
	require.NoError(t, err)
	return func(ctx context.Context) error {
		_, err := client.Logical().ReadWithContext(ctx, "secret/a")
		return err
	}
}

func vaultStoodDown(config *vault.Config) {
	config.MaxRetries = 0
}

func startConsul(t *testing.T, w *wire) call {
	t.Helper()
	client, err := consul.NewClient(&consul.Config{Address: "server.test", Transport: w.http(t, says(`[]`))})
	require.NoError(t, err)
	return func(ctx context.Context) error {
		_, _, err := client.KV().Get("a", (&consul.QueryOptions{}).WithContext(ctx))
		return err
	}
}

func startGitHub(t *testing.T, w *wire) call {
	t.Helper()
	client := github.NewClient(&http.Client{Transport: w.http(t, says(`{}`))})
	client.BaseURL = &url.URL{Scheme: "http", Host: "server.test", Path: "/"}
	return func(ctx context.Context) error {
		_, _, err := client.Users.Get(ctx, "a")
		return err
	}
}

func startOAuth2(t *testing.T, w *wire, config clientcredentials.Config) call {
	t.Helper()
	// The address is one for each test: the package keeps in mind which style an address takes.
	config.ClientID, config.ClientSecret, config.TokenURL = "id", "secret", fmt.Sprintf("%s/%p", server, w)
	client := &http.Client{Transport: w.http(t, says(`{"access_token":"a","token_type":"bearer"}`))}
	return func(ctx context.Context) error {
		_, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
		return err
	}
}

func startOTel(t *testing.T, w *wire) call {
	t.Helper()
	client := &http.Client{Transport: otelhttp.NewTransport(w.http(t, says(`{}`)))}
	return throughHTTP(client.Do)
}

// startStripe counts requests to which fail answers.
func startStripe(t *testing.T, w *wire, config stripe.BackendConfig, fail http.HandlerFunc) call {
	t.Helper()
	config.HTTPClient = &http.Client{Transport: w.httpWith(t, fail, says(`{}`))}
	config.URL, config.LeveledLogger = stripe.String(server), &stripe.LeveledLogger{}
	client := stripe.NewClient("key", stripe.WithBackends(stripe.NewBackendsWithConfig(&config)))
	return func(ctx context.Context) error {
		_, err := client.V1Balance.Retrieve(ctx, &stripe.BalanceRetrieveParams{})
		return err
	}
}

// stripeSays503 answers as Stripe does.
func stripeSays503(rw http.ResponseWriter, _ *http.Request) {
	rw.WriteHeader(http.StatusServiceUnavailable)
	_, _ = rw.Write([]byte(`{"error":{"type":"api_error","message":"a"}}`))
}

// hangUp closes the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func startAzure(t *testing.T, w *wire, options policy.ClientOptions) call {
	t.Helper()
	options.Transport = &http.Client{Transport: w.http(t, says(`{}`))}
	client := azure.NewPipeline("retries", "v1", azure.PipelineOptions{}, &options)
	return func(ctx context.Context) error {
		req, err := azure.NewRequest(ctx, http.MethodGet, server)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		if !azure.HasStatusCode(resp, http.StatusOK) {
			return azure.NewResponseError(resp)
		}
		return resp.Body.Close()
	}
}
