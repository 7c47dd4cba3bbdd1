package clients

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/lib/pq"
	mssql "github.com/microsoft/go-mssqldb"
	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

func myError(number uint16, state string) error {
	e := &mysql.MySQLError{Number: number, Message: "from the server"}
	copy(e.SQLState[:], state)
	return e
}

func TestMySQL(t *testing.T) {
	check(t, []row{
		{name: "ErrInvalidConn", err: mysql.ErrInvalidConn, should: transient, is: unclassified},
		{name: "1213 deadlock", err: myError(1213, "40001"), should: transient},
		{name: "1205 lock wait timeout", err: myError(1205, ""), should: transient},
		{name: "1205 with its SQLSTATE", err: myError(1205, "HY000"), should: transient},
		{name: "1040 too many connections", err: myError(1040, ""), should: overload},
		{name: "1040 with its SQLSTATE", err: myError(1040, "08004"), should: overload},
		{name: "1062 duplicate key", err: myError(1062, ""), should: permanent},
		{name: "1062 with its SQLSTATE", err: myError(1062, "23000"), should: permanent},
		{name: "1290 read only", err: myError(1290, "HY000"), should: transient},
		{name: "a number of a new version, with its SQLSTATE", err: myError(9999, "42000"), should: permanent},
		{name: "a number of a new version", err: myError(9999, "HY000"), should: transient, is: unclassified},
	})
}

func pgError(state string) error { return &pgconn.PgError{Code: state} }

func TestPostgreSQL(t *testing.T) {
	refused := dial(call("connect", syscall.ECONNREFUSED))
	stale := &pgconn.PgError{Code: "0A000", Message: "cached plan must not change result type", Routine: "RevalidateCachedQuery"}
	_, connErr := pgx.Connect(t.Context(), "postgres://x@127.0.0.1:1/x?connect_timeout=2")

	check(t, []row{
		{name: "pgx: 40001", err: pgError("40001"), should: transient},
		{name: "pgx: 53300", err: pgError("53300"), should: overload},
		{name: "pgx: 23505", err: pgError("23505"), should: permanent},
		{name: "pgx: 57P01 shut down", err: pgError("57P01"), should: transient},
		{name: "pgx: 28P01 wrong password", err: pgError("28P01"), should: permanent},
		{name: "pgx: 25006 read only", err: pgError("25006"), should: transient},
		{name: "pgx: a stale prepared statement", err: stale, should: transient},
		{name: "pgx: XX000", err: pgError("XX000"), should: transient, is: unclassified},
		{name: "pgx: nobody listens", err: connErr, should: transient},
		{name: "pgx: ErrNoRows", err: pgx.ErrNoRows, should: permanent},
		{name: "pgx: ErrTooManyRows", err: pgx.ErrTooManyRows, should: permanent, is: unclassified},
		{name: "pgx: one host refused, the other asks for another password",
			err: errors.Join(refused, pgError("28P01")), should: permanent, is: unclassified},
		{name: "pgx: one host timed out, the other asks for another password",
			err: errors.Join(dial(&net.DNSError{IsTimeout: true}), pgError("28P01")), should: permanent, is: unclassified},
		{name: "pq: 40P01", err: &pq.Error{Code: "40P01"}, should: transient},
		{name: "pq: 55P03", err: &pq.Error{Code: "55P03"}, should: transient},
		{name: "pq: 42601", err: &pq.Error{Code: "42601"}, should: permanent},
	})
}

func TestRedis(t *testing.T) {
	check(t, []row{
		{name: "dial refused", err: dial(call("connect", syscall.ECONNREFUSED)), should: transient},
		{name: "Nil", err: redis.Nil, should: permanent},
		{name: "pool timeout", err: redis.ErrPoolTimeout, should: transient, is: unclassified},
		{name: "client closed", err: redis.ErrClosed, should: permanent, is: unclassified},
		{name: "server closed in the handshake", err: io.EOF, should: transient, is: unclassified},
		{name: "optimistic lock lost", err: redis.TxFailedErr, should: transient},
	})
}

func TestMongo(t *testing.T) {
	command := func(code int32, labels ...string) error {
		return mongo.CommandError{Code: code, Labels: labels}
	}
	write := func(code int) error { return mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: code}}} }
	check(t, []row{
		{name: "PrimarySteppedDown, labeled", err: command(189, "RetryableWriteError"), should: transient},
		{name: "PrimarySteppedDown of a read", err: command(189), should: transient},
		{name: "TransientTransactionError", err: command(251, "TransientTransactionError"), should: transient},
		{name: "NetworkError", err: command(0, "NetworkError"), should: transient},
		{name: "SystemOverloadedError", err: command(462, "RetryableError", "SystemOverloadedError"), should: overload},
		{name: "MaxTimeMSExpired", err: command(50), should: transient},
		{name: "duplicate key", err: write(11000), should: permanent},
		{name: "document that is not valid", err: write(121), should: permanent},
		{name: "unauthorized", err: command(13), should: permanent},
		{name: "ErrNoDocuments", err: mongo.ErrNoDocuments, should: permanent, is: unclassified},
	})
}

func TestSQLServer(t *testing.T) {
	check(t, []row{
		{name: "1205 deadlock", err: mssql.Error{Number: 1205}, should: transient},
		{name: "40501 busy", err: mssql.Error{Number: 40501}, should: overload},
		{name: "40613 not available", err: &mssql.Error{Number: 40613}, should: transient},
		{name: "2627 duplicate key", err: mssql.Error{Number: 2627}, should: permanent},
	})
}
