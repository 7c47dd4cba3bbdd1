package holdfastmysql

import (
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// code is what one number of the server means.
type code struct {
	verdict resilience.Verdict
	answer  holdfastsql.Answer
}

// codes is the table of docs/databases.md. A number that is not in it is classified by its
// SQLSTATE.
var codes = map[uint16]code{
	// Lost races. 1213 undoes the whole transaction. 1205 undoes only the statement; a Tx then
	// rolls back the rest.
	1205: {resilience.Transient, holdfastsql.LostRace}, // ER_LOCK_WAIT_TIMEOUT
	1213: {resilience.Transient, holdfastsql.LostRace}, // ER_LOCK_DEADLOCK
	1020: {resilience.Transient, holdfastsql.LostRace}, // ER_CHECKREAD: a row changed since the snapshot (MariaDB)
	3572: {resilience.Transient, holdfastsql.LostRace}, // ER_LOCK_NOWAIT
	3101: {resilience.Transient, holdfastsql.LostRace}, // ER_TRANSACTION_ROLLBACK_DURING_COMMIT: group replication
	1614: {resilience.Transient, holdfastsql.LostRace}, // ER_XA_RBDEADLOCK

	// Writes refused: the connection leads to a server that is no longer the primary.
	1290: {resilience.Transient, holdfastsql.ReadOnly}, // ER_OPTION_PREVENTS_STATEMENT: --read-only
	1792: {resilience.Transient, holdfastsql.ReadOnly}, // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
	1836: {resilience.Transient, holdfastsql.ReadOnly}, // ER_READ_ONLY_MODE

	// Overload.
	1040: {resilience.Overload, holdfastsql.Undone}, // ER_CON_COUNT_ERROR: too many connections
	1041: {resilience.Overload, holdfastsql.Undone}, // ER_OUT_OF_RESOURCES
	1037: {resilience.Overload, holdfastsql.Undone}, // ER_OUTOFMEMORY
	1038: {resilience.Overload, holdfastsql.Undone}, // ER_OUT_OF_SORTMEMORY
	1114: {resilience.Overload, holdfastsql.Undone}, // ER_RECORD_FILE_FULL: the table, or an internal one
	1135: {resilience.Overload, holdfastsql.Undone}, // ER_CANT_CREATE_THREAD
	1203: {resilience.Overload, holdfastsql.Undone}, // ER_TOO_MANY_USER_CONNECTIONS
	1206: {resilience.Overload, holdfastsql.Undone}, // ER_LOCK_TABLE_FULL
	1226: {resilience.Overload, holdfastsql.Undone}, // ER_USER_LIMIT_REACHED
	1461: {resilience.Overload, holdfastsql.Undone}, // ER_MAX_PREPARED_STMT_COUNT_REACHED
	1637: {resilience.Overload, holdfastsql.Undone}, // ER_TOO_MANY_CONCURRENT_TRXS

	// Refused before it began.
	1047: {resilience.Transient, holdfastsql.Undone}, // ER_UNKNOWN_COM_ERROR: Galera's node is not ready
	1243: {resilience.Transient, holdfastsql.Undone}, // ER_UNKNOWN_STMT_HANDLER: prepared on another server
	1615: {resilience.Transient, holdfastsql.Undone}, // ER_NEED_REPREPARE: a migration changed a prepared statement's table

	// A statement was stopped: KILL QUERY, max_execution_time (of a SELECT), max_statement_time.
	1317: {resilience.Transient, holdfastsql.NoAnswer}, // ER_QUERY_INTERRUPTED: perhaps while it waited for replicas
	1969: {resilience.Transient, holdfastsql.NoAnswer}, // ER_STATEMENT_TIMEOUT (MariaDB): perhaps while it waited for replicas
	3024: {resilience.Transient, holdfastsql.Undone},   // ER_QUERY_TIMEOUT

	// The session or the server ended, or the disk failed: nothing is proven.
	1021: {resilience.Overload, holdfastsql.NoAnswer},  // ER_DISK_FULL: the statement waits, or was carried out in part
	1026: {resilience.Transient, holdfastsql.NoAnswer}, // ER_ERROR_ON_WRITE
	1030: {resilience.Transient, holdfastsql.NoAnswer}, // ER_GET_ERRNO: of the storage engine
	1042: {resilience.Transient, holdfastsql.NoAnswer}, // ER_BAD_HOST_ERROR
	1043: {resilience.Transient, holdfastsql.NoAnswer}, // ER_HANDSHAKE_ERROR
	1053: {resilience.Transient, holdfastsql.NoAnswer}, // ER_SERVER_SHUTDOWN
	1077: {resilience.Transient, holdfastsql.NoAnswer}, // ER_NORMAL_SHUTDOWN
	1079: {resilience.Transient, holdfastsql.NoAnswer}, // ER_SHUTDOWN_COMPLETE
	1080: {resilience.Transient, holdfastsql.NoAnswer}, // ER_FORCING_CLOSE
	1152: {resilience.Transient, holdfastsql.NoAnswer}, // ER_ABORTING_CONNECTION
	1158: {resilience.Transient, holdfastsql.NoAnswer}, // ER_NET_READ_ERROR
	1159: {resilience.Transient, holdfastsql.NoAnswer}, // ER_NET_READ_INTERRUPTED
	1160: {resilience.Transient, holdfastsql.NoAnswer}, // ER_NET_ERROR_ON_WRITE
	1161: {resilience.Transient, holdfastsql.NoAnswer}, // ER_NET_WRITE_INTERRUPTED
	1180: {resilience.Transient, holdfastsql.NoAnswer}, // ER_ERROR_DURING_COMMIT
	1181: {resilience.Transient, holdfastsql.NoAnswer}, // ER_ERROR_DURING_ROLLBACK
	3100: {resilience.Transient, holdfastsql.NoAnswer}, // ER_RUN_HOOK_ERROR: of group replication
	1184: {resilience.Transient, holdfastsql.NoAnswer}, // ER_NEW_ABORTING_CONNECTION
	1189: {resilience.Transient, holdfastsql.NoAnswer}, // ER_MASTER_NET_READ
	1190: {resilience.Transient, holdfastsql.NoAnswer}, // ER_MASTER_NET_WRITE
	1927: {resilience.Transient, holdfastsql.NoAnswer}, // ER_CONNECTION_KILLED (MariaDB)
	3168: {resilience.Transient, holdfastsql.NoAnswer}, // ER_SERVER_ISNT_AVAILABLE
	4031: {resilience.Transient, holdfastsql.NoAnswer}, // ER_CLIENT_INTERACTION_TIMEOUT

	// The caller's fault. The SQLSTATE of most of them (HY000) does not say so.
	1265: {resilience.Permanent, holdfastsql.Undone}, // WARN_DATA_TRUNCATED: an error in strict mode
	1364: {resilience.Permanent, holdfastsql.Undone}, // ER_NO_DEFAULT_FOR_FIELD
	1366: {resilience.Permanent, holdfastsql.Undone}, // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
	1419: {resilience.Permanent, holdfastsql.Undone}, // ER_BINLOG_CREATE_ROUTINE_NEED_SUPER
	1442: {resilience.Permanent, holdfastsql.Undone}, // ER_CANT_UPDATE_USED_TABLE_IN_SF_OR_TRG
	1449: {resilience.Permanent, holdfastsql.Undone}, // ER_NO_SUCH_USER
	1451: {resilience.Permanent, holdfastsql.Undone}, // ER_ROW_IS_REFERENCED_2
	1452: {resilience.Permanent, holdfastsql.Undone}, // ER_NO_REFERENCED_ROW_2
	1644: {resilience.Permanent, holdfastsql.Undone}, // ER_SIGNAL_EXCEPTION
	3819: {resilience.Permanent, holdfastsql.Undone}, // ER_CHECK_CONSTRAINT_VIOLATED
	4025: {resilience.Permanent, holdfastsql.Undone}, // ER_CONSTRAINT_FAILED (MariaDB)
}
