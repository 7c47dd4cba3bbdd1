package docs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// callOnce is a client that has no loop.
func callOnce(url string) error {
	resp, err := http.Get(url) //nolint:gosec,noctx // the address is the test's own
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is lost with it
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return nil
}

// The recipe of docs/clients.md, with a client that does not retry.
func Example_countRequests() {
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if sent.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	err := callOnce(server.URL) // one call of your client
	fmt.Println(sent.Load(), err)
	http.DefaultClient.CloseIdleConnections()
	// Output: 1 the server answered 503 Service Unavailable
}

// What a page says of a client is true of the version that it names: that of the tests.
func TestVersionsOfClients(t *testing.T) {
	for _, c := range []struct{ page, said, goMod, module string }{
		{"recipes.md", "nats.go v", "integration/recipes", "github.com/nats-io/nats.go"},
		{"recipes.md", "franz-go v", "integration/recipes", "github.com/twmb/franz-go"},
		{"recipes.md", "elastic-transport-go v", "integration/recipes", "github.com/elastic/elastic-transport-go/v8"},
		{"recipes.md", "sqlx v", "integration/recipes", "github.com/jmoiron/sqlx"},
		{"recipes.md", "gorm v", "integration/recipes", "gorm.io/gorm"},
		{"recipes.md", "go-sql-driver/mysql v", "integration/recipes", "github.com/go-sql-driver/mysql"},
		{"recipes.md", "MongoDB driver v", "integration/recipes", "go.mongodb.org/mongo-driver/v2"},
		{"databases.md", "The driver (v", "holdfastmysql", "github.com/go-sql-driver/mysql"},
		{"databases.md", "pgx ", "holdfastpgx", "github.com/jackc/pgx/v5"},
		{"databases.md", "lib/pq (v", "integration", "github.com/lib/pq"},
		{"databases.md", "it (v", "holdfastredis", "github.com/redis/go-redis/v9"},
		{"aws.md", "The SDK (v", "holdfastaws", "github.com/aws/aws-sdk-go-v2"},
		{"grpc.md", "grpc-go v", "holdfastgrpc", "google.golang.org/grpc"},
		{"connect.md", "connect-go v", "holdfastconnect", "connectrpc.com/connect"},
	} {
		required := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(c.module) + ` v(\d+\.\d+)\.`).
			FindStringSubmatch(read(t, filepath.Join(root, c.goMod, "go.mod")))
		require.NotNil(t, required, c)
		require.Regexp(t, regexp.QuoteMeta(c.said+required[1])+`\b`, squeeze(read(t, c.page)), "%s of %s is tested with v%s", c.page, c.module, required[1])
	}
}
