package clients

import (
	"errors"
	"net"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/IBM/sarama"
	"github.com/bradfitz/gomemcache/memcache"
	"github.com/go-ldap/ldap/v3"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/db"
	"github.com/quic-go/quic-go"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
)

func TestKafka(t *testing.T) {
	check(t, []row{
		{name: "kafka-go: LeaderNotAvailable", err: kafka.LeaderNotAvailable, should: transient},
		{name: "kafka-go: RequestTimedOut", err: kafka.RequestTimedOut, should: transient},
		{name: "kafka-go: MessageSizeTooLarge", err: kafka.MessageSizeTooLarge, should: permanent},
		{name: "kafka-go: RebalanceInProgress", err: kafka.RebalanceInProgress, should: transient},
		{name: "kafka-go: BrokerNotAvailable", err: kafka.BrokerNotAvailable, should: transient},
		{name: "kafka-go: Unknown", err: kafka.Unknown, should: unclassified},
		{name: "franz-go: NotLeaderForPartition", err: kerr.NotLeaderForPartition, should: transient},
		{name: "franz-go: ThrottlingQuotaExceeded", err: kerr.ThrottlingQuotaExceeded, should: overload},
		{name: "franz-go: TopicAuthorizationFailed", err: kerr.TopicAuthorizationFailed, should: permanent},
		{name: "franz-go: UnknownServerError", err: kerr.UnknownServerError, should: unclassified},
		{name: "sarama: ErrLeaderNotAvailable", err: sarama.ErrLeaderNotAvailable, should: transient},
		{name: "sarama: ErrMessageSizeTooLarge", err: sarama.ErrMessageSizeTooLarge, should: permanent},
		{name: "sarama: ErrOutOfBrokers", err: sarama.ErrOutOfBrokers, should: transient, is: unclassified},
	})
}

func TestQueues(t *testing.T) {
	check(t, []row{
		{name: "nats: ErrNoResponders", err: nats.ErrNoResponders, should: transient, is: unclassified},
		{name: "nats: ErrConnectionClosed", err: nats.ErrConnectionClosed, should: transient, is: unclassified},
		{name: "nats: ErrTimeout", err: nats.ErrTimeout, should: transient, is: unclassified},
		{name: "nats: JetStream 503", err: &jetstream.APIError{Code: 503, ErrorCode: 10008}, should: transient},
		{name: "nats: ErrStreamNotFound", err: jetstream.ErrStreamNotFound, should: permanent},
		{name: "amqp: ErrClosed", err: amqp.ErrClosed, should: transient},
		{name: "amqp: connection forced", err: &amqp.Error{Code: amqp.ConnectionForced, Server: true}, should: transient},
		{name: "amqp: resource error", err: &amqp.Error{Code: amqp.ResourceError, Server: true}, should: overload},
		{name: "amqp: precondition failed", err: &amqp.Error{Code: amqp.PreconditionFailed, Server: true}, should: permanent},
		{name: "amqp: access refused", err: amqp.ErrCredentials, should: permanent},
	})
}

func TestOtherProtocols(t *testing.T) {
	check(t, []row{
		{name: "ldap: busy", err: ldap.NewError(ldap.LDAPResultBusy, errors.New("x")), should: overload},
		{name: "ldap: unavailable", err: ldap.NewError(ldap.LDAPResultUnavailable, errors.New("x")), should: transient},
		{name: "ldap: network", err: ldap.NewError(ldap.ErrorNetwork, errors.New("ldap: connection closed")), should: transient},
		{name: "ldap: invalid credentials", err: ldap.NewError(ldap.LDAPResultInvalidCredentials, errors.New("x")), should: permanent},
		{name: "memcache: no servers", err: memcache.ErrNoServers, should: permanent, is: unclassified},
		{name: "memcache: connect timeout", err: &memcache.ConnectTimeoutError{Addr: &net.TCPAddr{}}, should: transient, is: unclassified},
		{name: "clickhouse: too many queries", err: &ch.Exception{Name: "DB::Exception", Code: proto.ErrTooManySimultaneousQueries}, should: overload},
		{name: "clickhouse: network", err: &ch.Exception{Name: "DB::Exception", Code: proto.ErrNetworkError}, should: transient},
		{name: "clickhouse: syntax", err: &ch.Exception{Name: "DB::Exception", Code: proto.ErrSyntaxError}, should: permanent},
		{name: "neo4j: deadlock", err: &db.Neo4jError{Code: "Neo.TransientError.Transaction.DeadlockDetected"}, should: transient},
		{name: "neo4j: syntax", err: &db.Neo4jError{Code: "Neo.ClientError.Statement.SyntaxError"}, should: permanent},
		{name: "neo4j: database", err: &db.Neo4jError{Code: "Neo.DatabaseError.General.UnknownError"}, should: unclassified},
		{name: "quic: idle timeout", err: &quic.IdleTimeoutError{}, should: transient},
		{name: "quic: stateless reset", err: &quic.StatelessResetError{}, should: transient},
	})
}
