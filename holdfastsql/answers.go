package holdfastsql

import "strings"

// Answer is what an error proves about the statement, or the COMMIT, that ended with it. It says
// nothing about several statements in one call: see [Atomic].
type Answer uint8

const (
	// NoAnswer is an error that proves nothing: it is not the database's own word, or a word by
	// which the database says that it does not know either.
	NoAnswer Answer = iota
	// Undone is the database's word that it undid the statement, or that it never began it.
	Undone
	// LostRace is Undone because the call and another got in each other's way: a serialization
	// failure, a deadlock, a lock wait. It is no failure of the database.
	LostRace
	// ReadOnly is Undone because the server refuses writes. After a failover the connection leads
	// to a former primary, so it is closed, and the next attempt connects anew.
	ReadOnly
)

// Answers is the default of [WithAnswers]. It goes by the SQLSTATE of an error (see [Classify] for
// where that is found), by the table in docs/databases.md. Nothing is an answer
//
//   - without an SQLSTATE;
//   - of severity FATAL or PANIC (pgx and lib/pq have that in a field), since such an error ends
//     the session, perhaps after the work was done;
//   - of classes 08, 57 (but for 57014), 58, 70, HY, IM and XX, and of 40003, 25P03 and 25P04: the
//     connection or the session ended, or a proxy or a distributed database does not know;
//   - of 53100 (disk full), unless its severity is ERROR: it is also the PANIC of a server whose
//     log is full.
//
// It is safe for concurrent use.
func Answers(err error) Answer {
	from := stateOf(err)
	if from.err == nil || from.state == "" {
		return NoAnswer
	}
	severity := severityOf(from.err)
	if severity == "FATAL" || severity == "PANIC" {
		return NoAnswer
	}
	switch from.state {
	case "40001", "40P01", "55P03":
		return LostRace
	case readOnly:
		return ReadOnly
	case "57014":
		return Undone
	case "40003", "25P03", "25P04":
		return NoAnswer
	case "53100":
		if severity != "ERROR" {
			return NoAnswer
		}
	}
	if strings.Contains("08 57 58 70 HY IM XX", from.state[:2]) {
		return NoAnswer
	}
	return Undone
}
