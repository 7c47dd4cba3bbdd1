package holdfastredis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func newTestClient(t *testing.T, opt *redis.Options, p *holdfast.Pipeline) *redis.Client {
	t.Helper()
	client, err := NewClient(opt, p)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// The server sees only the pipeline's attempts.
func TestAttemptsOnTheWire(t *testing.T) {
	for _, test := range []struct {
		command  string
		answers  []string
		attempts int
		err      error
	}{
		{"get", []string{hangUp, hangUp}, 3, redis.Nil},
		{"get", []string{hangUp, hangUp, hangUp, hangUp}, 3, io.EOF},
		{"get", []string{loading}, 2, redis.Nil},
		{"incr", []string{hangUp}, 1, io.EOF},
		{"incr", []string{loading, loading}, 3, nil},
		{"incr", []string{"-READONLY You can't write against a read only replica.\r\n"}, 2, nil},
		{"incr", []string{"-CLUSTERDOWN The cluster is down\r\n", "-MASTERDOWN Link with MASTER is down\r\n"}, 3, nil},
		{"incr", []string{"-TRYAGAIN Multiple keys\r\n", "-BUSY Redis is busy running a script\r\n"}, 3, nil},
		{"incr", []string{"-NOREPLICAS Not enough good replicas to write.\r\n", "-ERR max number of clients reached\r\n"}, 3, nil},
		{"incr", []string{wrongType}, 1, reply(wrongType[1 : len(wrongType)-2])},
	} {
		t.Run(fmt.Sprintf("%s %q", test.command, test.answers), func(t *testing.T) {
			s := newServer(t, troubled(test.command, test.answers...))
			p := newPipeline(t, twice())
			client := newTestClient(t, &redis.Options{Addr: s.addr()}, p)
			cmd := redis.NewCmd(t.Context(), test.command, "k")
			err := client.Process(t.Context(), cmd)
			require.Equal(t, test.attempts, s.count(test.command))
			require.EqualValues(t, test.attempts, p.Snapshot().Attempts)
			require.EqualValues(t, 1, p.Snapshot().Calls, "what sets up the connections is no call")
			require.Equal(t, err, cmd.Err())
			if _, isReply := test.err.(reply); isReply { //nolint:errorlint // the table holds it plainly
				require.EqualError(t, err, test.err.Error())
				return
			}
			require.ErrorIs(t, err, test.err)
		})
	}
}

// A server that closes the connection, or is full, before it receives the command has not executed
// it.
func TestHandshakeFails(t *testing.T) {
	full := "-ERR max number of clients reached\r\n"
	for _, hello := range []string{hangUp, full, loading} {
		s := newServer(t, troubled("hello", hello, hello))
		client := newTestClient(t, &redis.Options{Addr: s.addr()}, newPipeline(t, twice()))
		n, err := client.Incr(t.Context(), "k").Result()
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		require.Equal(t, 3, s.count("hello"))
		require.Equal(t, 1, s.count("incr"))
	}

	s := newServer(t, troubled("hello", full, full, full))
	client := newTestClient(t, &redis.Options{Addr: s.addr()}, newPipeline(t, twice()))
	err := client.Incr(t.Context(), "k").Err()
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.Equal(t, resilience.Overload, resilience.Classify(err))
	require.ErrorContains(t, err, "max number of clients reached")
	require.False(t, resilience.NoRetry(err))
	require.Zero(t, s.count("incr"))
}

// If no server listens, each attempt dials once.
func TestDialFails(t *testing.T) {
	dials := 0
	refuse := func(context.Context, string, string) (net.Conn, error) {
		dials++
		return nil, errDial
	}
	client := newTestClient(t, &redis.Options{Dialer: refuse}, newPipeline(t, twice()))
	err := client.Incr(t.Context(), "k").Err()
	require.ErrorIs(t, err, errDial)
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.Equal(t, 3, dials)
}

// The deadline of an attempt ends it, even if the server never answers.
func TestDeadlineOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, deadline.In(10*time.Second), twice(), deadline.In(200*time.Millisecond))
		connect := func(s *server) *redis.Client {
			// An address without a name: net resolves names by what does not outlive a bubble.
			return newTestClient(t, &redis.Options{Addr: "192.0.2.1:6379", Dialer: s.dial, ReadTimeout: time.Minute}, p)
		}
		s := newPipedServer(troubled("get", silence))
		require.Equal(t, redis.Nil, connect(s).Get(t.Context(), "k").Err())
		require.Equal(t, 2, s.count("get"))

		s = newPipedServer(troubled("incr", silence))
		err := connect(s).Incr(t.Context(), "k").Err()
		require.True(t, resilience.NoRetry(err))
		require.Equal(t, 1, s.count("incr"))
	})
}

// OnConnect sends its commands within the attempt that needs the connection: it takes no second
// place in a bulkhead.
func TestOnConnect(t *testing.T) {
	s := newServer(t, healthy)
	p := newPipeline(t, bulkhead.Config{MaxConcurrent: 1}, twice())
	client := newTestClient(t, &redis.Options{
		Addr:      s.addr(),
		OnConnect: func(ctx context.Context, conn *redis.Conn) error { return conn.Ping(ctx).Err() },
	}, p)
	require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
	require.Equal(t, 1, s.count("ping"))
	require.EqualValues(t, 1, p.Snapshot().Calls)
}

func TestPipelineOnTheWire(t *testing.T) {
	s := newServer(t, troubled("get", null, hangUp))
	client := newTestClient(t, &redis.Options{Addr: s.addr()}, newPipeline(t, twice()))
	read := func(pipe redis.Pipeliner) error {
		pipe.Set(t.Context(), "k", "v", 0)
		pipe.Get(t.Context(), "k")
		pipe.Get(t.Context(), "l")
		return nil
	}
	cmds, err := client.Pipelined(t.Context(), read)
	require.Equal(t, redis.Nil, err, "of the second try")
	require.NoError(t, cmds[0].Err())
	require.Equal(t, redis.Nil, cmds[1].Err())
	require.Equal(t, 4, s.count("get"))

	s = newServer(t, troubled("incr", integer(1), hangUp))
	client = newTestClient(t, &redis.Options{Addr: s.addr()}, newPipeline(t, twice()))
	cmds, err = client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
		pipe.Incr(t.Context(), "k")
		pipe.Incr(t.Context(), "l")
		return nil
	})
	require.True(t, resilience.NoRetry(err))
	for _, cmd := range cmds { // the first too, though it was answered: go-redis has it so
		require.Equal(t, err, cmd.Err())
	}
	require.Equal(t, 2, s.count("incr"))
}

// A transaction that was refused is sent again; one that may have been executed is not.
func TestTransactionOnTheWire(t *testing.T) {
	run := func(incr, exec []string) (*server, error) {
		s := newServer(t, func(command string, nth int) string {
			switch command {
			case "incr":
				return incr[nth-1]
			case "exec":
				return exec[nth-1]
			}
			return healthy(command, nth)
		})
		client := newTestClient(t, &redis.Options{Addr: s.addr()}, newPipeline(t, twice()))
		_, err := client.TxPipelined(t.Context(), func(pipe redis.Pipeliner) error {
			pipe.Incr(t.Context(), "k")
			return nil
		})
		return s, err
	}
	s, err := run([]string{loading, queued}, []string{"-EXECABORT Transaction discarded\r\n", "*1\r\n:1\r\n"})
	require.NoError(t, err)
	require.Equal(t, 2, s.count("exec"))

	s, err = run([]string{queued}, []string{hangUp})
	require.ErrorIs(t, err, io.EOF)
	require.True(t, resilience.NoRetry(err))
	require.Equal(t, 1, s.count("exec"))
}

// A read within WATCH whose connection is lost must not be answered by another connection, on which
// nothing is watched: the transaction fails.
func TestWatchIsNotLost(t *testing.T) {
	s := newServer(t, troubled("get", hangUp))
	client := newTestClient(t, &redis.Options{Addr: s.addr()}, newPipeline(t, twice()))
	err := client.Watch(t.Context(), func(tx *redis.Tx) error {
		if err := tx.Get(t.Context(), "k").Err(); err != nil {
			return err
		}
		_, err := tx.TxPipelined(t.Context(), func(pipe redis.Pipeliner) error {
			return pipe.Set(t.Context(), "k", "v", 0).Err()
		})
		return err
	}, "k")
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, resilience.ReasonRejected, resilience.ReasonOf(err))
	require.Equal(t, 1, s.count("get"))
	require.Zero(t, s.count("exec"))
}

func TestOptionsAreChecked(t *testing.T) {
	p := newPipeline(t, twice())
	wants := func(err error, fields ...string) {
		t.Helper()
		require.Error(t, err)
		var all []string
		for _, e := range errors.Join(err).(interface{ Unwrap() []error }).Unwrap() {
			all = append(all, fieldsOf(e)...)
		}
		require.Equal(t, fields, all)
	}
	_, err := NewClient(&redis.Options{MaxRetries: 3, DialerRetries: 5}, p)
	wants(err, "MaxRetries", "DialerRetries")
	require.ErrorContains(t, err, "holdfastredis: MaxRetries is 3; want 0 or -1: the pipeline retries, and the two would multiply")
	_, err = NewUniversalClient(&redis.UniversalOptions{MaxRetries: 3, DialerRetries: 5}, p)
	wants(err, "MaxRetries", "DialerRetries")
	_, err = NewClient(nil, nil, nil, WithIdempotent(nil))
	wants(err, "an option", "WithIdempotent", "pipeline", "Options")
	_, err = NewUniversalClient(nil, nil, nil, WithIdempotent(nil))
	wants(err, "an option", "WithIdempotent", "pipeline", "UniversalOptions")
	_, err = NewHook(nil, nil, WithIdempotent(nil))
	wants(err, "an option", "WithIdempotent", "pipeline")

	opt := &redis.Options{Addr: "127.0.0.1:1"}
	client, err := NewClient(opt, p)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	require.Equal(t, &redis.Options{Addr: "127.0.0.1:1"}, opt, "the caller's options are not touched")

	for _, client := range []redis.UniversalClient{
		redis.NewClient(&redis.Options{}),
		redis.NewRing(&redis.RingOptions{}),
		redis.NewClusterClient(&redis.ClusterOptions{MaxRetries: 1}),
	} {
		wants(Protect(client, p), "MaxRetries", "DialerRetries", "ContextTimeoutEnabled")
		require.NoError(t, client.Close())
	}
	client = redis.NewClient(&redis.Options{MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
	wants(Protect(client, nil), "pipeline")
	require.NoError(t, client.Close())
	wants(Protect(nil, p), "client")
}

// fieldsOf returns the fields that an error names, in order.
func fieldsOf(err error) []string {
	if e, ok := err.(*resilience.FieldError); ok { //nolint:errorlint // the leaves, one by one
		return []string{e.Field}
	}
	var fields []string
	if all, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the joined errors themselves
		for _, e := range all.Unwrap() {
			fields = append(fields, fieldsOf(e)...)
		}
	}
	return fields
}

func TestRing(t *testing.T) {
	s := newServer(t, func(command string, nth int) string {
		if nth == 1 && (command == "get" || command == "incr") {
			return hangUp
		}
		return healthy(command, nth)
	})
	ring := redis.NewRing(&redis.RingOptions{
		Addrs: map[string]string{"one": s.addr()}, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { require.NoError(t, ring.Close()) })
	require.NoError(t, Protect(ring, newPipeline(t, twice())))
	require.Equal(t, redis.Nil, ring.Get(t.Context(), "k").Err())
	require.Equal(t, 2, s.count("get"))

	require.True(t, resilience.NoRetry(ring.Incr(t.Context(), "k").Err()))
	require.Equal(t, 1, s.count("incr"))
}

// A cluster client follows redirects by itself, but does not send an INCR twice.
func TestCluster(t *testing.T) {
	var s *server
	s = newServer(t, func(command string, nth int) string {
		switch {
		case command == "cluster":
			return "*1\r\n" + s.slots(0, 16383)
		case command == "command":
			return "*0\r\n"
		case command == "incr" && nth == 1, command == "decr" && nth == 2:
			return hangUp
		case command == "incr" && nth == 2:
			return fmt.Sprintf("-MOVED 0 %s\r\n", s.addr())
		case command == "incr", command == "decr":
			return integer(nth)
		}
		return healthy(command, nth)
	})
	p := newPipeline(t, twice())
	client, err := NewUniversalClient(&redis.UniversalOptions{Addrs: []string{s.addr()}, IsClusterMode: true}, p)
	require.NoError(t, err)
	require.IsType(t, &redis.ClusterClient{}, client)
	t.Cleanup(func() { require.NoError(t, client.Close()) })

	err = client.Incr(t.Context(), "k").Err()
	require.True(t, resilience.NoRetry(err), "%v", err)
	require.Equal(t, 1, s.count("incr"))
	n, err := client.Incr(t.Context(), "k").Result()
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	require.EqualValues(t, 2, p.Snapshot().Attempts, "a redirect is followed within an attempt")

	_, err = client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
		pipe.Decr(t.Context(), "k")
		pipe.Decr(t.Context(), "k")
		return nil
	})
	require.True(t, resilience.NoRetry(err), "%v", err)
	require.Equal(t, 2, s.count("decr"))
}

// A cluster client divides a batch among nodes, and the commands that moved go to another node
// without the rest. None of the parts is sent twice if it has an INCR.
func TestAClustersBatchInParts(t *testing.T) {
	for name, atFirst := range map[string]int{"two nodes": 1, "moved": 2} {
		t.Run(name, func(t *testing.T) {
			moved := atFirst > 1
			var first, second *server
			script := func(incr func(nth int) string) func(command string, nth int) string {
				return func(command string, nth int) string {
					switch command {
					case "cluster":
						if moved {
							return "*1\r\n" + first.slots(0, 16383)
						}
						return "*2\r\n" + first.slots(8192, 16383) + second.slots(0, 8191)
					case "command":
						return "*0\r\n"
					case "incr":
						return incr(nth)
					}
					return healthy(command, nth)
				}
			}
			second = newServer(t, script(func(nth int) string {
				if nth == 1 {
					return hangUp // carried out, and the answer is lost
				}
				return integer(nth)
			}))
			first = newServer(t, script(func(nth int) string {
				if moved && nth == 2 {
					return fmt.Sprintf("-MOVED 3300 %s\r\n", second.addr())
				}
				return integer(nth)
			}))
			client, err := NewUniversalClient(&redis.UniversalOptions{Addrs: []string{first.addr()}, IsClusterMode: true}, newPipeline(t, twice()))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, client.Close()) })

			cmds, err := client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
				pipe.Incr(t.Context(), "a") // slot 15495
				pipe.Incr(t.Context(), "b") // slot 3300
				return nil
			})
			require.Equal(t, 1, second.count("incr"), "not sent again")
			require.Equal(t, atFirst, first.count("incr"), "nor to the other node")
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.True(t, resilience.NoRetry(err))
			require.NoError(t, cmds[0].Err())
			require.ErrorIs(t, cmds[1].Err(), resilience.ErrOutcomeUnknown)
		})
	}
}

// Pins what the documentation says: in a cluster and in a ring, the transaction of a Watch goes
// past the pipeline, and its error is go-redis's own.
func TestWatchOfSeveralServers(t *testing.T) {
	for name, unknown := range map[string]bool{"one server": true, "cluster": false, "ring": false} {
		t.Run(name, func(t *testing.T) {
			var s *server
			s = newServer(t, func(command string, nth int) string {
				switch command {
				case "cluster":
					return "*1\r\n" + s.slots(0, 16383)
				case "command":
					return "*0\r\n"
				case "incr":
					return queued
				case "exec":
					return hangUp
				}
				return healthy(command, nth)
			})
			p := newPipeline(t, twice())
			var client redis.UniversalClient
			var err error
			if name == "ring" {
				client = redis.NewRing(&redis.RingOptions{
					Addrs: map[string]string{"one": s.addr()}, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
				})
				err = Protect(client, p)
			} else {
				client, err = NewUniversalClient(&redis.UniversalOptions{Addrs: []string{s.addr()}, IsClusterMode: name == "cluster"}, p)
			}
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, client.Close()) })
			err = client.Watch(t.Context(), func(tx *redis.Tx) error {
				_, err := tx.TxPipelined(t.Context(), func(pipe redis.Pipeliner) error { return pipe.Incr(t.Context(), "k").Err() })
				return err
			}, "k")
			require.ErrorIs(t, err, io.EOF)
			require.Equal(t, unknown, errors.Is(err, resilience.ErrOutcomeUnknown))
			require.Equal(t, unknown, p.Snapshot().Calls > 0)
			require.Equal(t, 1, s.count("exec"))
		})
	}
}

func TestNilClient(t *testing.T) {
	p := newPipeline(t, twice())
	for _, client := range []redis.UniversalClient{nil, (*redis.Client)(nil), (*redis.ClusterClient)(nil), (*redis.Ring)(nil)} {
		require.ErrorContains(t, Protect(client, p), "client is nil", "%T", client)
		require.ErrorContains(t, Protect(client, nil), "pipeline is nil", "%T", client)
	}
}
