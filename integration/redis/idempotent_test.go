package redis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastredis"
)

// data is what is there before each command: two keys of each kind, and one that is not. Some have
// a time to live.
const data = `
	set s1 hello | set s2 world exat 4102444800 | set n1 41 | setbit b1 7 1 | setbit b1 3 1 | setbit b2 9 1 | set b3 aXc
	rpush l1 a b c d e f g h | rpush l2 x | sadd S1 a b c | sadd S2 b c d | sadd S3 c
	zadd z1 1 a 2 b 3 c 4 d | zadd z2 10 b 20 c | hset h1 f 1 g 2 | hset h2 f 3
	geoadd g1 13.361389 38.115556 palermo 15.087269 37.502669 catania | geoadd g2 13.361389 38.115556 palermo
	pfadd p1 a b c | pfadd p2 c d | xadd x1 1-1 f v | xadd x1 2-1 f w | expireat l1 4102444800`

// choices are what the words of forms stand for. Sources and destinations are drawn from the same
// few keys, so that they often are one.
var choices = map[string][]string{
	"STR": {"s1", "s2", "n1", "b1", "none", "l1"}, "BIT": {"b1", "b2", "b3", "none", "d1"},
	"LIST": {"l1", "l2", "none", "s1"}, "SET": {"S1", "S2", "S3", "none", "z1", "d1"},
	"ZSET": {"z1", "z2", "none", "S1", "d1"}, "HASH": {"h1", "h2", "none", "s1"}, "GEO": {"g1", "g2", "none"},
	"HLL": {"p1", "p2", "none", "d1"}, "STREAM": {"x1", "none"}, "KEY": {"s1", "l1", "S1", "z1", "h1", "p1", "x1", "none"},
	"INT": {"-9", "-3", "-2", "-1", "0", "1", "2", "3", "9"}, "POS": {"0", "1", "2", "7", "12"},
	"VAL": {"v", "w", ""}, "FLD": {"f", "g", "new"}, "MEM": {"a", "b", "c", "new"}, "PLACE": {"palermo", "catania", "new"},
	"SEC": {"5000", "9000", "0", "-1"}, "LIFE": {"5000000", "9000000"}, "AT": {"1000", "4102444800"}, "COND": {"nx", "xx", "gt", "lt"},
	"OP": {"and", "OR", "xor"}, "AGG": {"sum", "min", "max"}, "W": {"1", "2", "3"}, "ID": {"0", "1-1", "2-1", "$", "+"},
	"BITV": {"0", "1"}, "NUM": {"0", "1.5", "4", "-2"},
}

// forms are commands of every kind that the rule may call idempotent, and of some that it must not,
// one a line.
const forms = `
	set STR VAL | set STR VAL ex LIFE | set STR VAL PX LIFE | set STR VAL xx | set STR VAL keepttl | set STR VAL exat AT
	set STR VAL pxat AT | set STR VAL nx | set STR VAL get | set STR VAL ex LIFE nx | set KEY VAL | set STR VAL xx get
	setex STR LIFE VAL | psetex STR LIFE VAL | mset STR VAL STR VAL | msetnx STR VAL STR VAL | setnx STR VAL
	setrange STR POS VAL | append STR VAL | getset STR VAL | getdel STR | incr n1 | incrby n1 NUM | setbit BIT POS BITV
	bitfield BIT set u4 0 POS | bitop OP BIT BIT BIT | bitop OP BIT BIT | bitop not BIT BIT | bitop OP BIT BIT BIT BIT
	getex STR | getex STR ex LIFE | getex STR px LIFE | getex STR ex SEC | getex STR persist | getex STR exat AT | getex STR pxat AT
	del KEY | del KEY KEY | unlink KEY | unlink STR LIST SET | expire KEY SEC | expire KEY SEC COND | pexpire KEY LIFE
	expireat KEY AT | pexpireat KEY AT | expireat KEY AT COND | persist KEY | rename KEY KEY | copy KEY KEY | copy KEY KEY replace
	hset HASH FLD VAL | hset HASH FLD VAL FLD VAL | hmset HASH FLD VAL | hsetnx HASH FLD VAL | hdel HASH FLD FLD
	hincrby HASH FLD INT | lset LIST INT VAL | ltrim LIST INT INT | lrem LIST INT a | linsert LIST before c VAL | lpush LIST VAL
	rpush LIST VAL | lpop LIST | rpop LIST POS | lmove LIST LIST left right | rpoplpush LIST LIST | sadd SET MEM | srem SET MEM
	spop SET | smove SET SET MEM | sunionstore SET SET | sunionstore SET SET SET | sinterstore SET SET SET | sinterstore SET SET
	sdiffstore SET SET | sdiffstore SET SET SET | sdiffstore SET SET SET SET | zadd ZSET NUM MEM | zincrby ZSET NUM MEM
	zrem ZSET MEM | zunionstore ZSET 2 ZSET ZSET | zunionstore ZSET 1 ZSET weights W | zunionstore ZSET 2 ZSET ZSET weights W W aggregate AGG
	zunionstore ZSET 2 ZSET SET aggregate AGG | zinterstore ZSET 2 ZSET ZSET | zinterstore ZSET 1 ZSET weights W | zdiffstore ZSET 2 ZSET ZSET
	zrangestore ZSET ZSET INT INT | zrangestore ZSET ZSET INT INT rev | zrangestore ZSET ZSET NUM NUM byscore | zpopmin ZSET
	zremrangebyrank ZSET INT INT | zremrangebyscore ZSET NUM NUM | geosearchstore GEO GEO frommember PLACE byradius 200 km asc
	geosearchstore GEO GEO frommember PLACE byradius 200 km asc storedist | geosearchstore GEO GEO frommember PLACE byradius 200 km count 1 any
	geosearchstore d1 GEO fromlonlat 14 38 bybox 400 400 km | geoadd GEO 1 1 PLACE | pfadd HLL VAL | pfmerge HLL HLL | pfmerge HLL HLL HLL
	xadd STREAM 9-1 f v | xadd STREAM * f v | xdel STREAM 1-1 | xtrim STREAM maxlen 1 | xsetid STREAM 9-9
	bitcount BIT | bitfield_ro BIT get u4 0 | bitpos BIT BITV | dbsize | dump KEY | echo VAL | exists KEY KEY | expiretime KEY | pexpiretime KEY
	geodist GEO PLACE PLACE | geohash GEO PLACE | geopos GEO PLACE | geosearch GEO frommember PLACE byradius 200 km
	georadius_ro GEO 14 38 200 km | georadiusbymember_ro GEO PLACE 200 km | get STR | getbit BIT POS | getrange STR INT INT
	hexists HASH FLD | hget HASH FLD | hgetall HASH | hkeys HASH | hlen HASH | hmget HASH FLD FLD | hrandfield HASH | hscan HASH 0
	hstrlen HASH FLD | hvals HASH | info | keys * | lastsave | lcs STR STR | lindex LIST INT | llen LIST | lolwut | lpos LIST c
	lrange LIST INT INT | memory usage KEY | mget STR STR | object encoding KEY | pfcount HLL HLL | ping | pttl KEY | randomkey | role
	scan 0 | scard SET | sdiff SET SET | sinter SET SET | sintercard 2 SET SET | sismember SET MEM | smembers SET | smismember SET MEM MEM
	sort_ro LIST alpha | srandmember SET | sscan SET 0 | strlen STR | substr STR INT INT | sunion SET SET | time | touch KEY KEY | ttl KEY
	type KEY | xinfo stream STREAM | xlen STREAM | xpending STREAM nobody | xrange STREAM - + | xread count 1 streams STREAM ID
	xread streams STREAM STREAM ID ID | xrevrange STREAM + - | zcard ZSET | zcount ZSET NUM NUM | zdiff 2 ZSET ZSET | zinter 2 ZSET ZSET
	zintercard 2 ZSET ZSET | zlexcount ZSET - + | zmscore ZSET MEM MEM | zrandmember ZSET | zrange ZSET INT INT | zrangebylex ZSET - +
	zrangebyscore ZSET NUM NUM | zrank ZSET MEM | zrevrange ZSET INT INT | zrevrangebylex ZSET + - | zrevrangebyscore ZSET NUM NUM
	zrevrank ZSET MEM | zscan ZSET 0 | zscore ZSET MEM | zunion 2 ZSET ZSET | watch KEY | unwatch | publish VAL VAL
	eval_ro return_redis.call('get',KEYS[1]) 1 STR | evalsha_ro 0123456789012345678901234567890123456789 1 STR | fcall_ro nosuch 1 STR
	eval return_redis.call('incr','n1') 0
	ltrim l1 INT INT | ltrim l1 0 INT | ltrim l1 2 -1 | zunionstore z1 2 z1 z2 | bitop xor b1 b1 b2 | sdiffstore S1 S2 S1 | zrangestore z1 z1 1 -1
	geosearchstore g1 g1 frommember palermo byradius 200 km storedist | getex s1 exat 1000`

// The replies to these count what a run changed, or say whether it did. The table's only such: HSET
// and DEL are what caches are made of. To these, any reply is as right as another.
var (
	counts  = strings.Fields("del unlink hdel hset expire pexpire expireat pexpireat")
	anyWill = strings.Fields(`hpttl hrandfield hscan httl info lastsave lolwut memory object pttl randomkey role scan
		srandmember sscan time ttl xinfo xpending zrandmember zscan`)
)

// Pins the rule on a Redis: whatever it calls idempotent leaves after two runs what it leaves after
// one, and answers the same, whatever else is there. What must not be repeated shows that the test
// would notice.
func TestTwiceIsOnce(t *testing.T) {
	t.Parallel()
	client := startServer(t)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same cases each time
	tried, differ := map[string]int{}, map[string]bool{}
	for _, form := range split(forms) {
		seen := map[string]bool{}
		for range 40 {
			args := draw(form, random)
			drawn := fmt.Sprint(args)
			if seen[drawn] {
				continue
			}
			seen[drawn] = true
			cmd := redis.NewCmd(t.Context(), args...)
			idempotent := holdfastredis.Idempotent(cmd)
			if !idempotent && differ[cmd.Name()] {
				continue
			}
			once, first := run(t, client, args, 1)
			twice, last := run(t, client, args, 2)
			same := once == twice && (first == last || slices.Contains(anyWill, cmd.Name()))
			switch {
			case !idempotent:
				differ[cmd.Name()] = differ[cmd.Name()] || !same
				continue
			case slices.Contains(counts, cmd.Name()):
				require.Equal(t, once, twice, "%v", args)
			default:
				require.Equal(t, once, twice, "%v", args)
				require.True(t, same, "%v answers %s, and then %s", args, first, last)
			}
			tried[cmd.Name()]++
		}
	}
	for _, name := range strings.Fields("ltrim zunionstore bitop sdiffstore zrangestore geosearchstore setbit incr append lpop set sadd getex") {
		require.True(t, differ[name], "%s is no longer seen to be different when it is repeated", name)
	}
	for _, name := range client.CommandList(t.Context(), nil).Val() {
		for _, args := range []string{"", "k", "k 1", "k 1 1", "and k l", "k l m n"} {
			if all := argsOf(name + " " + args); holdfastredis.Idempotent(redis.NewCmd(t.Context(), all...)) {
				require.Positive(t, tried[name], "%s is called idempotent, and was not tried", name)
			}
		}
	}
}

// Pins: a read-only script cannot write, nor tell anybody anything.
func TestReadOnlyScripts(t *testing.T) {
	client := startServer(t)
	for _, script := range []string{"redis.call('incr', 'n')", "redis.call('publish', 'c', 'm')"} {
		require.Error(t, client.EvalRO(t.Context(), script, nil).Err(), script)
	}
}

func split(all string) []string {
	var each []string
	for line := range strings.Lines(all) {
		for one := range strings.SplitSeq(line, "|") {
			if one = strings.TrimSpace(one); one != "" {
				each = append(each, one)
			}
		}
	}
	return each
}

func argsOf(line string) []any {
	var args []any
	for word := range strings.FieldsSeq(line) {
		args = append(args, strings.ReplaceAll(word, "_redis", " redis"))
	}
	return args
}

// draw fills in a form.
func draw(form string, random *rand.Rand) []any {
	args := argsOf(form)
	for i, arg := range args {
		if choice := choices[arg.(string)]; i > 0 && choice != nil {
			args[i] = choice[random.IntN(len(choice))]
		}
	}
	return args
}

// run does a command so many times on the data, and returns what is there then, and the last reply.
func run(t *testing.T, client *redis.Client, args []any, times int) (state, reply string) {
	t.Helper()
	ctx := t.Context()
	_, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.FlushDB(ctx)
		for _, line := range split(data) {
			pipe.Do(ctx, argsOf(line)...)
		}
		return nil
	})
	require.NoError(t, err)
	for range times {
		value, err := client.Do(ctx, args...).Result()
		reply = fmt.Sprint(sorted(value), err)
	}
	return look(ctx, t, client), reply
}

func sorted(reply any) any {
	all, ok := reply.([]any)
	if !ok {
		return reply
	}
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = fmt.Sprint(sorted(one))
	}
	slices.Sort(texts) // sets come as they come
	return texts
}

// look returns all there is, in words. Times to live count in hundreds of seconds, since some count
// from the last run.
func look(ctx context.Context, t *testing.T, client *redis.Client) string {
	t.Helper()
	script := `
		local out = {}
		for _, key in ipairs(redis.call('keys', '*')) do
			local kind, value = redis.call('type', key).ok, nil
			if kind == 'string' then
				value = {redis.call('get', key)}
				if string.sub(value[1], 1, 4) == 'HYLL' then value = {redis.call('pfcount', key)} end
			elseif kind == 'list' then value = redis.call('lrange', key, 0, -1)
			elseif kind == 'set' then value = redis.call('smembers', key); table.sort(value)
			elseif kind == 'zset' then value = redis.call('zrange', key, 0, -1, 'withscores')
			elseif kind == 'hash' then
				value = redis.call('hkeys', key); table.sort(value)
				for i, field in ipairs(value) do value[i] = field .. '=' .. redis.call('hget', key, field) end
			else
				value = {redis.call('xlen', key), redis.call('xinfo', 'stream', key)[8]}
			end
			local left = redis.call('ttl', key)
			if left > 1000000 then left = 'long' elseif left > 0 then left = math.floor(left / 100 + 0.5) end
			table.insert(out, key .. '(' .. kind .. ',' .. left .. '): ' .. table.concat(value, ' '))
		end
		table.sort(out)
		return table.concat(out, '\n')`
	state, err := client.Eval(ctx, script, nil).Text()
	require.NoError(t, err)
	return state
}
