package fleet_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/internal/suite"
)

// nonsense are answers that no server gives to a script of a fleet: errors, replies of other types,
// lengths that are not true, halves of replies, other protocols. The lengths are those that a
// machine for tests can afford: go-redis makes room for what is announced.
var nonsense = []string{
	"-ERR nonsense\r\n", "-LOADING Redis is loading the dataset in memory\r\n", "-MOVED 1 127.0.0.1:1\r\n", "-NOSCRIPT No matching script.\r\n",
	"-READONLY You can't write against a read only replica.\r\n", "-\r\n", "!7\r\nERR not\r\n",
	"+OK\r\n", ":1\r\n", ":99999999999999999999\r\n", ",nan\r\n", "#t\r\n", "(99999999999999999999\r\n", "_\r\n", "=7\r\ntxt:NaN\r\n",
	"$-1\r\n", "$-2\r\n", "$0\r\n\r\n", "$67108864\r\nhalf", "$9223372036854775807\r\n", "$9223372036854775806\r\n",
	"*-1\r\n", "*-2\r\n", "*0\r\n", "*1000000\r\n", "*9223372036854775807\r\n", "%9223372036854775807\r\n", "%1\r\n*0\r\n:1\r\n", "~1\r\n:1\r\n",
	">2\r\n+message\r\n+x\r\n", "|1\r\n+a\r\n+b\r\n:1\r\n", "|9223372036854775807\r\n",
	reply(":0", "$3\r\nNaN", ":0", ":0", "$0\r\n", ":0", ":0", ":0"),
	reply(":-9223372036854775808", "$0\r\n", ":1", ":-5", "$1\r\nx", ":9223372036854775807", ":7", ":-9223372036854775808", "*3\r\n:-1\r\n$1\r\nx\r\n:1"),
	reply(":9223372036854775807", "$1\r\n\x02", ":0", ":9223372036854775807", "$0\r\n", ":-1", ":-1", ":9223372036854775807"),
	reply(":1", ":1", ":1", ":1", ":1", ":1", ":1", ":1", ":1"), reply(":0", "$0\r\n", ":1", ":0", "$0\r\n", ":0", ":0", ":0", "$1\r\nx"),
	reply(":0", "$0\r\n", ":1", ":0", "$0\r\n", ":0", ":0", ":0"), reply(":0"), "*8\r\n:0\r\n$1", "*8\r\n:0\r\n",
	"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x46", "\x00\x00\x00\x00\r\n", "\r\n", "\n", "SSH-2.0-OpenSSH_9.9\r\n",
}

// reply returns an array of these elements.
func reply(elements ...string) string {
	s := fmt.Sprintf("*%d\r\n", len(elements))
	for _, e := range elements {
		s += e + "\r\n"
	}
	return s
}

// Something answers in the place of Redis, and what it answers is nonsense. Each version of the
// protocol gets half of the answers, and all of them at night.
func TestNonsense(t *testing.T) {
	t.Parallel()
	for protocol := 2; protocol <= 3; protocol++ {
		if protocol == 2 && suite.Partly() {
			continue
		}
		t.Run(fmt.Sprint("RESP", protocol), func(t *testing.T) {
			t.Parallel()
			redisServer := newServer(t)
			var ways []*faultproxy.Lossy
			var clients []redis.UniversalClient
			for range shopPods {
				way := faultproxy.NewLossy(t, redisServer.addr)
				client := redis.NewClient(&redis.Options{Addr: way.Addr(), Protocol: protocol})
				t.Cleanup(func() { _ = client.Close() })
				ways, clients = append(ways, way), append(clients, client)
			}
			s := newShop(t, clients...)
			answer := func(answers ...string) {
				for i, way := range ways {
					way.Answer(answers[i%len(answers)])
				}
			}
			var answers []string
			for i, a := range nonsense {
				if i%2 == protocol%2 || suite.Nightly() {
					answers = append(answers, a)
				}
			}
			s.well(func() {
				for answers := range slices.Chunk(answers, shopPods) {
					answer("") // so that what comes is no answer to a client that introduces itself
					s.until("they have news", func(p *insidePod) bool { s := p.fleet.Stats(); return s.Ticks > 0 && s.Why == "" })
					answer(answers...)
					s.ticks(3)
				}
				s.apart()
			})
			s.byThemselves()
			answer("")
			s.together(shopPods)
			s.works()
		})
	}
}
