package retries

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/google/go-github/v75/github"
	vault "github.com/hashicorp/vault/api"
	"github.com/minio/minio-go/v7"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v82"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	loop "github.com/media-gateway/holdfast/resilience/retry"
)

// sentInOutage is how many requests one call is, in an outage.
func sentInOutage(t *testing.T, start func(*testing.T, *wire) call) (sent int64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWire(outage)
		_ = start(t, w)(t.Context())
		sent = w.sent.Load()
	})
	return sent
}

// Other settings than the table's, and what they do: most numbers that look like "none" are the
// default, and some settings turn on again what was off.
func TestOtherSettings(t *testing.T) {
	unset(t)
	elastic := func(options ...elastictransport.Option) func(*testing.T, *wire) call {
		return func(t *testing.T, w *wire) call { return startElastic(t, w, options...) }
	}
	amazon := func(options ...func(*dynamodb.Options)) func(*testing.T, *wire) call {
		return func(t *testing.T, w *wire) call { return startAWS(t, w, options...) }
	}
	azure := func(o policy.RetryOptions) func(*testing.T, *wire) call {
		return func(t *testing.T, w *wire) call { return startAzure(t, w, policy.ClientOptions{Retry: o}) }
	}
	pgx := func(dsn string) func(*testing.T, *wire) call {
		return func(t *testing.T, w *wire) call { return startPgx(t, w, dsn) }
	}
	for _, c := range []struct {
		name  string
		start func(*testing.T, *wire) call
		want  int64
	}{
		{"aws: RetryMaxAttempts 0 is the default", amazon(func(o *dynamodb.Options) { o.RetryMaxAttempts = 0 }), 4},
		{"aws: RetryMaxAttempts 1", amazon(func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }), 1},
		{"aws: RetryMaxAttempts 7", amazon(func(o *dynamodb.Options) { o.RetryMaxAttempts = 7 }), 7},
		{"aws: NopRetryer, whatever RetryMaxAttempts is", amazon(awsStoodDown, func(o *dynamodb.Options) { o.RetryMaxAttempts = 7 }), 1},
		{"aws: another Retryer", amazon(awsStoodDown, func(o *dynamodb.Options) { o.Retryer = retry.NewStandard() }), 3},
		{"aws: MarkOnce does not reach it", func(t *testing.T, w *wire) call {
			one := startAWS(t, w)
			return func(ctx context.Context) error { return one(resilience.MarkOnce(ctx)) }
		}, 4},
		{"minio: MaxRetries -1 is the default", func(t *testing.T, w *wire) call { return startMinIO(t, w, minio.Options{MaxRetries: -1}) }, 10},
		{"elastic: WithMaxRetries(0) is the default", elastic(elastictransport.WithMaxRetries(0)), 4},
		{"elastic: DisableRetry, whatever RetryOnStatus is", elastic(elastictransport.WithDisableRetry(), elastictransport.WithRetry(9, 503)), 1},
		{"elastic: RetryOnStatus without 503", elastic(elastictransport.WithRetryOnStatus(429)), 1},
		{"azcore: MaxRetries 0 is the default", azure(policy.RetryOptions{MaxRetries: 0}), 4},
		{"azcore: no StatusCodes", azure(policy.RetryOptions{StatusCodes: []int{}}), 1},
		{"azcore: the ctx of a call turns them on", func(t *testing.T, w *wire) call {
			one := startAzure(t, w, policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}})
			return func(ctx context.Context) error {
				return one(policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: 2}))
			}
		}, 3},
		{"stripe: a 503 is not repeated", func(t *testing.T, w *wire) call { return startStripe(t, w, stripe.BackendConfig{}, stripeSays503) }, 1},
		{"go-redis: MaxRetries -1 leaves the dials", func(t *testing.T, w *wire) call { return startRedis(t, w, &redis.Options{MaxRetries: -1}, true) }, 5},
		{"go-redis: DialerRetries 1 leaves the commands", func(t *testing.T, w *wire) call { return startRedis(t, w, &redis.Options{DialerRetries: 1}, true) }, 4},
		{"go-redis: MaxRetries 0 is the default", func(t *testing.T, w *wire) call {
			return startRedis(t, w, &redis.Options{MaxRetries: 0, DialerRetries: 1}, false)
		}, 4},
		{"pgx: sslmode=disable", pgx("postgres://u:p@server.test/db?sslmode=disable"), 1},
		{"pgx: sslmode=verify-full", pgx("postgres://u:p@server.test/db?sslmode=verify-full"), 1},
		{"pgx: sslmode=allow", pgx("postgres://u:p@server.test/db?sslmode=allow"), 2},
		{"pgx: each host", pgx("postgres://u:p@a.test,b.test/db?sslmode=require"), 2},
		{"pgx: each host, twice", pgx("postgres://u:p@a.test,b.test/db"), 4},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, sentInOutage(t, c.start)) })
	}
}

// The environment says how often Vault's client tries, until the code does.
func TestVaultEnvironment(t *testing.T) {
	unset(t)
	t.Setenv("VAULT_MAX_RETRIES", "5")
	start := func(change func(*vault.Config)) func(*testing.T, *wire) call {
		return func(t *testing.T, w *wire) call { return startVault(t, w, change) }
	}
	require.EqualValues(t, 6, sentInOutage(t, start(func(*vault.Config) {})))
	require.EqualValues(t, 1, sentInOutage(t, start(vaultStoodDown)))
	require.EqualValues(t, 6, sentInOutage(t, start(func(config *vault.Config) {
		vaultStoodDown(config)
		require.NoError(t, config.ReadEnvironment())
	})), "ReadEnvironment turns them on again")
}

// PGSSLMODE stands pgx down for a DSN that does not say.
func TestPgxEnvironment(t *testing.T) {
	unset(t)
	t.Setenv("PGSSLMODE", "require")
	require.EqualValues(t, 1, sentInOutage(t, func(t *testing.T, w *wire) call { return startPgx(t, w, "postgres://u:p@server.test/db") }))
}

// oauth2 tries the other style only as long as it does not know which one the server takes.
func TestOAuth2Learns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(outage)
		w.spared = 1
		one := startOAuth2(t, w, clientcredentials.Config{})
		require.NoError(t, one(t.Context()))
		require.Error(t, one(t.Context()))
		require.EqualValues(t, 2, w.sent.Load())
	})
}

// go-github asks nobody until a rate limit is over: a loop in between only waits.
func TestGitHubHoldsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(1)
		limited := func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Ratelimit-Limit", "60")
			rw.Header().Set("X-Ratelimit-Remaining", "0")
			rw.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
			rw.WriteHeader(http.StatusForbidden)
		}
		client := github.NewClient(&http.Client{Transport: w.httpWith(t, limited, says(`{}`))})
		client.BaseURL.Scheme, client.BaseURL.Host = "http", "server.test"
		one := func() error {
			_, _, err := client.Users.Get(t.Context(), "a")
			return err
		}
		for range 3 {
			require.ErrorAs(t, one(), new(*github.RateLimitError))
		}
		require.EqualValues(t, 1, w.sent.Load())
		time.Sleep(time.Hour + time.Second)
		require.NoError(t, one())
		require.EqualValues(t, 2, w.sent.Load())
	})
}

// What config.LoadDefaultConfig finds in AWS_MAX_ATTEMPTS is aws.Config.RetryMaxAttempts; a Retryer
// of the config goes before it.
func TestAWSConfig(t *testing.T) {
	for want, cfg := range map[int64]aws.Config{
		7: {RetryMaxAttempts: 7},
		1: {RetryMaxAttempts: 7, Retryer: func() aws.Retryer { return aws.NopRetryer{} }},
	} {
		require.Equal(t, want, sentInOutage(t, func(t *testing.T, w *wire) call {
			cfg.HTTPClient, cfg.Region, cfg.BaseEndpoint = &http.Client{Transport: w.http(t, says(`{}`))}, "r", aws.String(server)
			cfg.Credentials = awsCredentials
			client := dynamodb.NewFromConfig(cfg)
			return func(ctx context.Context) error {
				_, err := client.ListTables(ctx, &dynamodb.ListTablesInput{})
				return err
			}
		}))
	}
}

// Vault's client pauses for longer than an attempt may take: the whole attempt is spent on it, for
// the one request that a client without a loop sends at once.
func TestPausesEatTheAttempt(t *testing.T) {
	unset(t)
	const each = 350 * time.Millisecond
	for name, c := range map[string]struct {
		change func(*vault.Config)
		waits  time.Duration
	}{
		"by default": {func(*vault.Config) {}, attempts * each},
		"stood down": {vaultStoodDown, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(outage)
				one := startVault(t, w, c.change)
				p := holdfast.Must(holdfast.New("p", loop.Custom(attempts-1, time.Millisecond, time.Millisecond, false), deadline.In(each)))
				begun := time.Now()
				require.Error(t, p.Do(t.Context(), resilience.Func(one)))
				require.EqualValues(t, attempts, w.sent.Load())
				require.Equal(t, c.waits+(attempts-1)*time.Millisecond, time.Since(begun))
			})
		})
	}
}
