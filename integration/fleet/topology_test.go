package fleet_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/fleet/fleettest"
	"github.com/media-gateway/holdfast/holdfastfleet"
)

// Each key of a script is in the slot of the others, or a cluster refuses it.
func TestAClusterKeepsTheContract(t *testing.T) {
	nodes := []*server{newServer(t, "--cluster-enabled", "yes"), newServer(t, "--cluster-enabled", "yes")}
	for i, slots := range [][2]int{{0, 8191}, {8192, 16383}} {
		client := redis.NewClient(&redis.Options{Addr: nodes[i].addr})
		require.NoError(t, client.ClusterAddSlotsRange(t.Context(), slots[0], slots[1]).Err())
		require.NoError(t, client.ClusterMeet(t.Context(), "127.0.0.1", nodes[1-i].port).Err())
		require.NoError(t, client.Close())
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].addr, nodes[1].addr}})
	t.Cleanup(func() { _ = client.Close() })
	require.Eventually(t, func() bool {
		info, err := client.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_assigned:16384")
	}, 30*time.Second, 100*time.Millisecond)
	require.Eventually(t, func() bool {
		return client.Set(t.Context(), "a", 1, 0).Err() == nil && client.Set(t.Context(), "b", 1, 0).Err() == nil
	}, 30*time.Second, 100*time.Millisecond)
	fleettest.Check(t, func() fleet.Transport { return holdfastfleet.Redis(client) })
}

// Sentinel makes the replica the master, and the fleet goes on with that one.
func TestSentinel(t *testing.T) {
	master := newServer(t)
	replica := newServer(t, "--replicaof", "127.0.0.1", master.port)
	sentinel := newSentinel(t, master)
	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "shop", SentinelAddrs: []string{sentinel}})
	t.Cleanup(func() { _ = client.Close() })
	t.Run("the contract", func(t *testing.T) {
		fleettest.Check(t, func() fleet.Transport { return holdfastfleet.Redis(client) })
	})

	admin := redis.NewSentinelClient(&redis.Options{Addr: sentinel})
	t.Cleanup(func() { _ = admin.Close() })
	require.Eventually(t, func() bool { // it has found the replica, and holds it for good
		replicas, err := admin.Replicas(t.Context(), "shop").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	}, 60*time.Second, 200*time.Millisecond)
	w := &processes{t: t, redis: master, backend: newBackend(t)}
	for _, name := range []string{"0", "1", "2"} {
		w.pods = append(w.pods, startPod(t, name, "sentinel "+sentinel, w.backend.url))
	}
	three := func(s said) bool {
		return !s.Stats.Apart && len(s.Stats.Services) == 1 && s.Stats.Services[0].Pods == 3
	}
	w.until("all are together", three)
	w.goodput()
	require.NoError(t, admin.Failover(t.Context(), "shop").Err())
	require.Eventually(t, func() bool {
		addr, err := admin.GetMasterAddrByName(t.Context(), "shop").Result()
		return err == nil && len(addr) == 2 && addr[1] == replica.port
	}, 60*time.Second, 200*time.Millisecond)
	master.kill()
	t.Logf("all together %v after the failover", w.until("all are together", three).Round(time.Millisecond))
	pass(3 * time.Second)
	require.InDelta(t, 1.0, w.goodput(), 0)
	w.until("all are together", three)
}

// newSentinel starts a Sentinel that watches the master, and returns its address.
func newSentinel(t *testing.T, master *server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(config, []byte("port "+port+"\nbind 127.0.0.1\nsentinel monitor shop 127.0.0.1 "+master.port+" 1\n"+
		"sentinel down-after-milliseconds shop 1000\nsentinel failover-timeout shop 10000\n"), 0o600))
	command := exec.Command("redis-server", config, "--sentinel") //nolint:noctx // it is killed
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	client := redis.NewSentinelClient(&redis.Options{Addr: addr})
	defer client.Close() //nolint:errcheck // nothing is lost
	require.Eventually(t, func() bool { return client.Ping(t.Context()).Err() == nil }, 30*time.Second, 50*time.Millisecond)
	return addr
}
