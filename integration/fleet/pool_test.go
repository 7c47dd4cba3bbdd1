package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastfleet"
)

// Whatever somebody writes into a bucket or a session, no more tokens come out than the cap allows,
// and each key ends.
func TestHostileBuckets(t *testing.T) {
	client := connect(t)
	transport := holdfastfleet.Redis(client)
	for i, value := range []string{"", "NaN", "nan", "-nan", "inf", "-inf", "1e308", "-1e308", "99999999999999999999", "-1", "0x10", "seven", "7 tokens", "3.999", "\x00", strings.Repeat("9", 5000)} {
		room := fmt.Sprintf("hostile %d %d", i, time.Now().UnixNano())
		bucket := "holdfast:{" + strings.ReplaceAll(room, " ", "%20") + "}:pool"
		session := bucket + ":a"
		r := fleet.PoolRequest{Session: "a", Seq: 5, Give: 2, Take: 100, Cap: 10, Keep: 10 * time.Second}
		require.NoError(t, client.Set(t.Context(), bucket, value, time.Minute).Err())
		reply, err := transport.Pool(t.Context(), room, r)
		require.NoError(t, err, "%q", value)
		require.LessOrEqual(t, reply.Granted, int64(10), "%q", value)
		require.GreaterOrEqual(t, reply.Granted, int64(0), "%q", value)
		require.Zero(t, reply.Level, "%q", value)

		for _, text := range []string{value, "5:5:5", "4:1:nan:nan", "4:" + value + ":0:0", "-4:1:0:0", "4.5:1:0:0", "4:1:0:0:0"} {
			require.NoError(t, client.Set(t.Context(), session, text, time.Minute).Err())
			r.Ticket = 1
			reply, err = transport.Pool(t.Context(), room, r)
			require.NoError(t, err, "%q", text)
			require.LessOrEqual(t, reply.Level+reply.Granted, int64(10), "%q", text)
			require.Zero(t, reply.Granted, "%q: nobody knew the session, so its gift is lost, and the bucket is empty", text)
		}
		for _, key := range []string{bucket, session} {
			left, err := client.PTTL(t.Context(), key).Result()
			require.NoError(t, err)
			require.Greater(t, left, time.Duration(0))
			require.LessOrEqual(t, left, 10*time.Second, "by the request, and not by who wrote it")
		}
	}
}

// A key of another kind is removed, and makes no token.
func TestABucketOfAnotherKind(t *testing.T) {
	client := connect(t)
	transport := holdfastfleet.Redis(client)
	room := fmt.Sprintf("list%d", time.Now().UnixNano())
	bucket := "holdfast:{" + room + "}:pool"
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { client.Del(ctx, bucket, bucket+":a") })
	for seq := int64(1); seq <= 3; seq++ {
		for _, key := range []string{bucket, bucket + ":a"} {
			require.NoError(t, client.Del(t.Context(), key).Err())
			require.NoError(t, client.RPush(t.Context(), key, "1").Err())
		}
		reply, err := transport.Pool(t.Context(), room, fleet.PoolRequest{Session: "a", Seq: seq, Take: 5, Cap: 5, Keep: time.Second})
		require.NoError(t, err)
		require.Zero(t, reply.Granted+reply.Level)
		require.Positive(t, reply.Ticket)
	}
}

// A bucket needs no more rights than the documentation says.
func TestRightsOfABucket(t *testing.T) {
	client := connect(t)
	const user = "holdfast-pool"
	rules := []string{"reset", "on", ">secret", "~holdfast:*"}
	for _, command := range strings.Split("eval evalsha time hset hmget hgetall hlen hdel unlink pexpire get set", " ") {
		rules = append(rules, "+"+command)
	}
	if err := client.ACLSetUser(t.Context(), user, rules...).Err(); err != nil {
		missing(t, "no ACLs: "+err.Error())
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { client.ACLDelUser(ctx, user) })
	o := *client.Options()
	o.Username, o.Password = user, "secret"
	limited := redis.NewClient(&o)
	t.Cleanup(func() { require.NoError(t, limited.Close()) })
	transport := holdfastfleet.Redis(limited)
	r := fleet.PoolRequest{Session: "a", Seq: 1, Cap: 5, Keep: time.Second}
	room := fmt.Sprint("rights", time.Now().UnixNano())
	reply, err := transport.Pool(t.Context(), room, r)
	require.NoError(t, err)
	r.Seq, r.Ticket, r.Give, r.Take = 2, reply.Ticket, 3, 2
	reply, err = transport.Pool(t.Context(), room, r)
	require.NoError(t, err)
	require.Equal(t, fleet.PoolReply{Ticket: r.Ticket, Granted: 2, Accepted: 3, Level: 1}, reply)
}
