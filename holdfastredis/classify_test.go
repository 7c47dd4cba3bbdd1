package holdfastredis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// reply is an error reply of the server, as go-redis makes it of any it has no type for.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

func TestClassify(t *testing.T) {
	const (
		success, transient, overload = resilience.Success, resilience.Transient, resilience.Overload
		permanent, canceled          = resilience.Permanent, resilience.Canceled
		rejected                     = resilience.Rejected
	)
	dial := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, test := range []struct {
		err  error
		want resilience.Verdict
	}{
		{nil, success},
		{redis.Nil, success},
		{fmt.Errorf("get: %w", redis.Nil), success},
		{resilience.MarkTransient(redis.Nil), transient}, // the caller's word

		{reply("LOADING Redis is loading the dataset in memory"), transient},
		{reply("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."), transient},
		{reply("CLUSTERDOWN The cluster is down"), transient},
		{reply("TRYAGAIN Multiple keys request during rehashing of slot"), transient},
		{reply("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."), transient},
		{reply("READONLY You can't write against a read only replica."), transient},
		{reply("NOREPLICAS Not enough good replicas to write."), transient},
		{reply("MOVED 3999 127.0.0.1:6381"), transient},
		{fmt.Errorf("get: %w", reply("ASK 3999 127.0.0.1:6381")), transient},
		{reply("ERR max number of clients reached"), overload},
		{reply("ERR max number of clients + cluster connections reached"), overload},

		{reply("BUSYGROUP Consumer Group name already exists"), permanent},
		{reply("BUSYKEY Target key name already exists."), permanent},
		{reply("WRONGTYPE Operation against a key holding the wrong kind of value"), permanent},
		{reply("NOAUTH Authentication required."), permanent},
		{reply("WRONGPASS invalid username-password pair or user is disabled."), permanent},
		{reply("NOPERM this user has no permissions to run the 'get' command"), permanent},
		{reply("NOSCRIPT No matching script. Please use EVAL."), permanent},
		{reply("EXECABORT Transaction discarded because of previous errors."), permanent},
		{reply("OOM command not allowed when used memory > 'maxmemory'."), permanent},
		{reply("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."), permanent},
		{reply("ERR unknown command 'GTE'"), permanent},
		{reply("CROSSSLOT Keys in request don't hash to the same slot"), permanent},
		{reply("NOGROUP No such consumer group"), permanent},
		{redis.TxFailedErr, permanent},
		{fmt.Errorf("watch: %w", redis.TxFailedErr), permanent},

		{reply("upstream failure"), resilience.Unclassified}, // a proxy's words, a script's, none
		{reply("PAY01 the account is closed"), resilience.Unclassified},
		{reply("err in lower case"), resilience.Unclassified},
		{reply(""), resilience.Unclassified},

		{redis.ErrPoolTimeout, rejected},
		{redis.ErrPoolExhausted, rejected},
		{redis.ErrClosed, rejected},
		{fmt.Errorf("redis: Conn is in a bad state: %w", io.EOF), rejected},

		{io.EOF, transient},
		{net.ErrClosed, transient},
		{errors.New("redis: all sentinels specified in configuration are unreachable"), transient},
		{dial, transient},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, transient},
		{&net.DNSError{IsNotFound: true}, permanent},
		{context.DeadlineExceeded, transient},
		{context.Canceled, canceled},
		{errors.New("what is this?"), resilience.Unclassified},

		{setupFailed(dial), transient},
		{setupFailed(reply("ERR max number of clients reached")), overload},
		{setupFailed(&net.DNSError{IsNotFound: true}), permanent},
	} {
		require.Equal(t, test.want, Classify(test.err), "%v", test.err)
	}
}
