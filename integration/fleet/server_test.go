package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// server is a Redis of the test's own, which it may kill.
type server struct {
	addr, port string
	args       []string
	command    *exec.Cmd
	ended      chan struct{} // closed when the process has
}

// newServer starts a Redis on a free port. Nobody else gets that while the server is down: the port
// is below those that a system gives to outgoing connections and to whoever wants any, and so is
// the one that a cluster's node takes as well, which is higher by 10,000.
func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		missing(t, "no redis-server: "+err.Error())
	}
	for range 10 {
		s := &server{port: somePort(), args: args}
		s.addr = net.JoinHostPort("127.0.0.1", s.port)
		if s.begin(t) {
			t.Cleanup(s.kill)
			return s
		}
	}
	require.FailNow(t, "no Redis starts, on any of ten ports")
	return nil
}

// ports are those that this process has used. None is used twice: its server may be down just now.
var ports sync.Map

// somePort returns a port that may be free.
func somePort() string {
	for {
		port := strconv.Itoa(11_000 + rand.IntN(11_000))
		if _, used := ports.LoadOrStore(port, true); !used {
			return port
		}
	}
}

// begin starts the process, and reports whether it serves.
func (s *server) begin(t *testing.T) bool {
	t.Helper()
	s.command = exec.Command("redis-server", append([]string{ //nolint:noctx // it is killed
		"--bind", "127.0.0.1", "--port", s.port, "--save", "", "--appendonly", "no", "--dir", t.TempDir(),
	}, s.args...)...)
	require.NoError(t, s.command.Start())
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		_ = s.command.Wait()
	}()
	client := s.client()
	defer client.Close() //nolint:errcheck // nothing is lost
	for ticker := time.NewTicker(20 * time.Millisecond); ; <-ticker.C {
		select {
		case <-s.ended: // somebody else has the port
			return false
		case <-t.Context().Done():
			return false
		default:
		}
		info, err := client.Info(t.Context(), "server").Result()
		if err == nil && strings.Contains(info, fmt.Sprintf("process_id:%d\r\n", s.command.Process.Pid)) {
			return true
		}
	}
}

// restart starts a server again that was killed.
func (s *server) restart(t *testing.T) {
	t.Helper()
	require.True(t, s.begin(t))
}

// kill ends the server as kill -9 does.
func (s *server) kill() {
	_ = s.command.Process.Kill()
	<-s.ended
}

// client returns a client for the test, whose caller closes it.
func (s *server) client() *redis.Client { return redis.NewClient(&redis.Options{Addr: s.addr}) }

// admin returns a client for the test, until it ends.
func (s *server) admin(t *testing.T) *redis.Client {
	t.Helper()
	client := s.client()
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// newCluster returns the nodes of a cluster, whose slots are divided between the first two.
func newCluster(t *testing.T, size int) (nodes []*server) {
	t.Helper()
	for range size {
		nodes = append(nodes, newServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"))
	}
	for i, n := range nodes {
		client := n.admin(t)
		if i < 2 {
			require.NoError(t, client.ClusterAddSlotsRange(t.Context(), i*8192, i*8192+8191).Err())
		}
		require.NoError(t, client.ClusterMeet(t.Context(), "127.0.0.1", nodes[(i+1)%size].port).Err())
	}
	require.Eventually(t, func() bool {
		for _, n := range nodes {
			client := n.client()
			info, err := client.ClusterInfo(t.Context()).Result()
			_ = client.Close()
			if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_slots_assigned:16384") ||
				!strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", size)) {
				return false
			}
		}
		return true
	}, patience, 100*time.Millisecond, "the nodes make no cluster")
	return nodes
}

// newClusterClient returns a client of the cluster, until the test ends.
func newClusterClient(t *testing.T, nodes []*server) *redis.ClusterClient {
	t.Helper()
	options := &redis.ClusterOptions{}
	for _, n := range nodes {
		options.Addrs = append(options.Addrs, n.addr)
	}
	client := redis.NewClusterClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// newSentinel starts a Sentinel that watches the master, and returns its address once it knows of
// the master's replica.
func newSentinel(t *testing.T, master *server) string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(config, []byte("sentinel monitor shop 127.0.0.1 "+master.port+" 1\n"+
		"sentinel down-after-milliseconds shop 1000\nsentinel failover-timeout shop 3000\n"), 0o600))
	var s *server
	for tries := 10; s == nil; tries-- {
		require.Positive(t, tries, "no Sentinel starts")
		s = startSentinel(t, config)
	}
	client := redis.NewSentinelClient(&redis.Options{Addr: s.addr})
	defer client.Close() //nolint:errcheck // nothing is lost
	require.Eventually(t, func() bool {
		replicas, err := client.Replicas(t.Context(), "shop").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	}, patience, 100*time.Millisecond, "the Sentinel knows of no replica")
	return s.addr
}

// startSentinel returns nil if the port is somebody else's.
func startSentinel(t *testing.T, config string) *server {
	t.Helper()
	s := &server{port: somePort(), ended: make(chan struct{})}
	s.addr = net.JoinHostPort("127.0.0.1", s.port)
	s.command = exec.Command("redis-server", config, "--sentinel", "--bind", "127.0.0.1", "--port", s.port) //nolint:noctx // it is killed
	require.NoError(t, s.command.Start())
	go func() {
		defer close(s.ended)
		_ = s.command.Wait()
	}()
	t.Cleanup(s.kill)
	client := redis.NewSentinelClient(&redis.Options{Addr: s.addr})
	defer client.Close() //nolint:errcheck // nothing is lost
	for ticker := time.NewTicker(20 * time.Millisecond); ; <-ticker.C {
		select {
		case <-s.ended:
			return nil
		default:
		}
		if client.Ping(t.Context()).Err() == nil {
			return s
		}
	}
}
