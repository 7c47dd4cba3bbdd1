package fleet_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/fleet/fleettest"
	"github.com/media-gateway/holdfast/holdfastfleet"
)

// Each key of a script is in the slot of the others, or a cluster refuses it.
func TestAClusterKeepsTheContract(t *testing.T) {
	t.Parallel()
	client := newClusterClient(t, newCluster(t, 2))
	fleettest.Check(t, func() fleet.Transport { return holdfastfleet.Redis(client) })
}

// The keys of a fleet move to another node of the cluster, one by one, as when nodes are added.
func TestAClusterMovesTheKeys(t *testing.T) {
	t.Parallel()
	nodes := newCluster(t, 2)
	s := newShop(t, newClusterClient(t, nodes))
	s.together(shopPods)
	from, to := nodes[0].admin(t), nodes[1].admin(t)
	slot, err := from.ClusterKeySlot(t.Context(), room+"cells").Result()
	require.NoError(t, err)
	port := nodes[1].port
	if slot >= 8192 {
		from, to, port = to, from, nodes[0].port
	}
	id := func(c *redis.Client) string { return c.ClusterMyID(t.Context()).Val() }
	do := func(c *redis.Client, args ...any) { t.Helper(); require.NoError(t, c.Do(t.Context(), args...).Err()) }
	s.well(func() {
		do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", id(from))
		do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", id(to))
		s.ticks(1)
		for keys := []string{"some"}; len(keys) > 0; {
			keys, err = from.ClusterGetKeysInSlot(t.Context(), int(slot), 1).Result()
			require.NoError(t, err)
			for _, key := range keys {
				require.NoError(t, from.Do(t.Context(), "MIGRATE", "127.0.0.1", port, key, 0, 5000, "REPLACE").Err())
			}
			s.ticks(1)
		}
		do(to, "CLUSTER", "SETSLOT", slot, "NODE", id(to))
		do(from, "CLUSTER", "SETSLOT", slot, "NODE", id(to))
		s.together(shopPods)
	})
	require.Positive(t, to.Exists(t.Context(), room+"cells").Val())
	s.works()
}

// Sentinel makes the replica the master while the dependency is down, and the fleet goes on with
// that one.
func TestSentinel(t *testing.T) {
	t.Parallel()
	master := newServer(t)
	replica := newServer(t, "--replicaof", "127.0.0.1", master.port)
	sentinel := newSentinel(t, master)
	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "shop", SentinelAddrs: []string{sentinel}})
	t.Cleanup(func() { _ = client.Close() })
	t.Run("the contract", func(t *testing.T) {
		fleettest.Check(t, func() fleet.Transport { return holdfastfleet.Redis(client) })
	})

	const three = 3
	w := newProcesses(t, "", times(three, "sentinel "+sentinel)...)
	w.until("all are together", w.pods, together(three))
	w.backend.down.Store(true)
	w.until("all breakers open", w.pods, open)
	master.kill()
	admin := redis.NewSentinelClient(&redis.Options{Addr: sentinel})
	t.Cleanup(func() { _ = admin.Close() })
	if !assert.Eventually(t, func() bool {
		addr, err := admin.GetMasterAddrByName(t.Context(), "shop").Result()
		return err == nil && len(addr) == 2 && addr[1] == replica.port
	}, patience, 50*time.Millisecond) {
		require.FailNow(t, "no failover", "%v\n%v", admin.Master(t.Context(), "shop"), admin.Replicas(t.Context(), "shop"))
	}
	t.Logf("all together %v after the failover", w.until("all are together", w.pods, together(three)).Round(time.Millisecond))
	w.backend.down.Store(false)
	w.until("all breakers close", w.pods, closed)
	w.during(func() { pass(time.Second) }).likeAlone(t, "after the failover")
}
