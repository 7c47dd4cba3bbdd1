package retries

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	vault "github.com/hashicorp/vault/api"
	"github.com/minio/minio-go/v7"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"github.com/stripe/stripe-go/v82"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/media-gateway/holdfast/resilience"
)

var rows = []row{
	{
		client: "AWS SDK (DynamoDB)", module: "github.com/aws/aws-sdk-go-v2/service/dynamodb", fault: "503",
		pauses:    500 * time.Millisecond,
		note:      "`RetryMaxAttempts: 1` does it as well, and 0 is the default. A Retryer goes before `RetryMaxAttempts`, which is also where the config loader puts `AWS_MAX_ATTEMPTS`. Another Retryer, of a single operation too, turns retries on again. DynamoDB has 4 attempts; the SDK's own Retryer has 3.",
		line:      "o.Retryer = aws.NopRetryer{}",
		byDefault: func(t *testing.T, w *wire) call { return startAWS(t, w) },
		stoodDown: func(t *testing.T, w *wire) call { return startAWS(t, w, awsStoodDown) },
	},
	{
		client: "minio-go", module: "github.com/minio/minio-go/v7", fault: "503",
		pauses:    10 * time.Second,
		note:      "1 is the first request: no retry. 0 and -1 are the default, 10 requests.",
		line:      "minio.Options{MaxRetries: 1}",
		byDefault: func(t *testing.T, w *wire) call { return startMinIO(t, w, minio.Options{}) },
		stoodDown: func(t *testing.T, w *wire) call { return startMinIO(t, w, minio.Options{MaxRetries: 1}) },
	},
	{
		client: "go-elasticsearch (its transport)", module: "github.com/elastic/elastic-transport-go/v8", fault: "503",
		note:      "In `elasticsearch.Config` it is `DisableRetry: true`; `MaxRetries: 0` is the default, and so is `WithMaxRetries(0)`. Its 4 requests follow each other without a pause, unless `RetryBackoff` is set.",
		line:      "elastictransport.WithDisableRetry()",
		byDefault: func(t *testing.T, w *wire) call { return startElastic(t, w) },
		stoodDown: func(t *testing.T, w *wire) call {
			return startElastic(t, w, elastictransport.WithDisableRetry())
		},
	},
	{
		client: "Vault", module: "github.com/hashicorp/vault/api", fault: "503",
		pauses:    5 * time.Second,
		note:      "Set it after `vault.DefaultConfig()`, which reads `VAULT_MAX_RETRIES`. A later `config.ReadEnvironment()` turns retries on again. The first pause takes at least a second: an attempt deadline below that ends each attempt in it.",
		line:      "config.MaxRetries = 0",
		byDefault: func(t *testing.T, w *wire) call { return startVault(t, w, func(*vault.Config) {}) },
		stoodDown: func(t *testing.T, w *wire) call { return startVault(t, w, vaultStoodDown) },
	},
	{
		client: "Consul", module: "github.com/hashicorp/consul/api", fault: "503",
		byDefault: startConsul,
	},
	{
		client: "go-github", module: "github.com/google/go-github/v75", fault: "503",
		note:      "After a rate limit it refuses calls itself, and sends none, until the limit is over.",
		byDefault: startGitHub,
	},
	{
		client: "oauth2 (client credentials)", module: "golang.org/x/oauth2", fault: "503",
		note:      "Any error of a token request is taken for the wrong style, and the other one is tried, as long as no request has succeeded. Take the style that your server wants.",
		line:      "clientcredentials.Config{AuthStyle: oauth2.AuthStyleInHeader}",
		byDefault: func(t *testing.T, w *wire) call { return startOAuth2(t, w, clientcredentials.Config{}) },
		stoodDown: func(t *testing.T, w *wire) call {
			return startOAuth2(t, w, clientcredentials.Config{AuthStyle: oauth2.AuthStyleInHeader})
		},
	},
	{
		client: "otelhttp", module: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", fault: "503",
		note:      "What stands inside it may have a loop. A 503 is no error to it: your op has to make one.",
		byDefault: startOTel,
	},
	{
		client: "Stripe", module: "github.com/stripe/stripe-go/v82", fault: "no answer",
		pauses:    2 * time.Second,
		note:      "A 503 that has Stripe's JSON is sent once. Its pauses do not end with the ctx: a call returned 495 ms after its deadline.",
		line:      "stripe.BackendConfig{MaxNetworkRetries: stripe.Int64(0)}",
		byDefault: func(t *testing.T, w *wire) call { return startStripe(t, w, stripe.BackendConfig{}, hangUp) },
		stoodDown: func(t *testing.T, w *wire) call {
			return startStripe(t, w, stripe.BackendConfig{MaxNetworkRetries: stripe.Int64(0)}, hangUp)
		},
	},
	{
		client: "Azure (azcore)", module: "github.com/Azure/azure-sdk-for-go/sdk/azcore", fault: "503",
		pauses:    12 * time.Second,
		note:      "0 is the default, 3. `policy.WithRetryOptions` in the ctx of a call turns retries on again.",
		line:      "policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}}",
		byDefault: func(t *testing.T, w *wire) call { return startAzure(t, w, policy.ClientOptions{}) },
		stoodDown: func(t *testing.T, w *wire) call {
			return startAzure(t, w, policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}})
		},
	},
	{
		client: "go-redis: a command", module: "github.com/redis/go-redis/v9", fault: "the reply `LOADING`",
		pauses:    time.Second,
		note:      "[`holdfastredis.NewClient`](databases.md) does it for you. `MaxRetries: 0` is the default, 3.",
		line:      "redis.Options{MaxRetries: -1, DialerRetries: 1}",
		byDefault: func(t *testing.T, w *wire) call { return startRedis(t, w, &redis.Options{}, false) },
		stoodDown: func(t *testing.T, w *wire) call {
			return startRedis(t, w, &redis.Options{MaxRetries: -1, DialerRetries: 1}, false)
		},
	},
	{
		client: "go-redis: a connection", module: "github.com/redis/go-redis/v9", fault: "connection refused",
		pauses:    2 * time.Second,
		note:      "Both fields are needed: 5 dials with the first alone, 4 with the second. A call that gave up at its deadline leaves a dial behind, which went on for 4 more.",
		line:      "redis.Options{MaxRetries: -1, DialerRetries: 1}",
		byDefault: func(t *testing.T, w *wire) call { return startRedis(t, w, &redis.Options{}, true) },
		stoodDown: func(t *testing.T, w *wire) call {
			return startRedis(t, w, &redis.Options{MaxRetries: -1, DialerRetries: 1}, true)
		},
	},
	{
		client: "pgx: a connection", module: "github.com/jackc/pgx/v5", fault: "connection refused",
		note:      "`sslmode=prefer` is the default: TLS is tried, and then the same without. `disable` and `verify-full` have one try too, `allow` has two. So does each host of the DSN, and each address of a host. `PGSSLMODE` counts if the DSN does not say.",
		line:      "postgres://u:p@server.test/db?sslmode=require",
		byDefault: func(t *testing.T, w *wire) call { return startPgx(t, w, "postgres://u:p@server.test/db") },
		stoodDown: func(t *testing.T, w *wire) call {
			return startPgx(t, w, "postgres://u:p@server.test/db?sslmode=require")
		},
	},
	{
		client: "nats: JetStream", module: "github.com/nats-io/nats.go", fault: "no responders",
		pauses:    time.Second,
		note:      "An option of each Publish. Tell the pipeline: `resilience.Errors(resilience.Transient, jetstream.ErrNoStreamResponse)`.",
		line:      "jetstream.WithRetryAttempts(0)",
		classify:  resilience.Errors(resilience.Transient, jetstream.ErrNoStreamResponse),
		byDefault: func(t *testing.T, w *wire) call { return startJetStream(t, w) },
		stoodDown: func(t *testing.T, w *wire) call { return startJetStream(t, w, jetstream.WithRetryAttempts(0)) },
	},
	{
		client: "nats: a request", module: "github.com/nats-io/nats.go", fault: "no responders",
		note:      "Tell the pipeline: `resilience.Errors(resilience.Transient, nats.ErrNoResponders)`. While it reconnects it keeps what is published: three attempts that failed arrived three times. `nats.ReconnectBufSize(-1)` keeps nothing.",
		classify:  resilience.Errors(resilience.Transient, nats.ErrNoResponders),
		byDefault: startNATS,
	},
}
