package holdfastsql

import (
	"errors"

	"github.com/media-gateway/holdfast/resilience"
)

// sqlState returns the five letters by which a database says what went wrong; "" if err has none.
func sqlState(err error) string {
	e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok || len(e.SQLState()) != 5 {
		return ""
	}
	return e.SQLState()
}

// readOnly is the state of a write that was refused by a server, or in a transaction, for reading alone.
const readOnly = "25006"

// stateVerdict holds the table of docs/databases.md.
func stateVerdict(state string) resilience.Verdict {
	switch state {
	case "57P01", "57P02", "57P03", "57P05", // shut down, crashed, starting up, idle for too long
		"57014", "25P04", // a statement or transaction that took too long
		"40001", "40P01", "55P03", // lost a race: serialization, deadlock, lock not available
		"40003",          // the outcome is unknown
		readOnly,         // writes refused: most likely a primary that is none any more
		"58000", "58030": // the server's system failed it
		return resilience.Transient
	}
	switch state[:2] {
	case "08": // connection
		return resilience.Transient
	case "53": // out of connections, memory, disk or a configured limit
		return resilience.Overload
	}
	return resilience.Permanent
}

// lostRace reports whether err says that the call and another got in each other's way. It is
// worth a retry, but the database is well: it did what it promises.
func lostRace(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01", "55P03":
		return true
	}
	return false
}

// undone reports whether err is the database's own word that it undid the statement, or never
// began it. States that end a session prove nothing: the session may have ended after the work was
// done. Nor do those by which a proxy or a distributed database says that it does not know.
func undone(err error) bool {
	switch state := sqlState(err); {
	case state == "", state == "57P01", state == "57P02", state == "40003":
		return false
	case state[:2] == "08", state[:2] == "58", state[:2] == "XX":
		return false
	}
	return true
}
