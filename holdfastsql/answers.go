package holdfastsql

import "strings"

// Answer says what an error proves about the statement, or the COMMIT, that returned it. It proves
// nothing about several statements in one call: see [Atomic].
type Answer uint8

const (
	// NoAnswer: the error proves nothing. It does not come from the database, or the database says
	// in it that it does not know the outcome either.
	NoAnswer Answer = iota
	// Undone: the database says that it undid the statement, or never began it.
	Undone
	// LostRace: Undone, because of a conflict with another transaction: a serialization failure, a
	// deadlock, a lock wait timeout. It is not a failure of the database.
	LostRace
	// ReadOnly: Undone, because the server refuses writes. After a failover the connection may lead
	// to a former primary. So it is closed, and the next attempt opens a new one.
	ReadOnly
)

// Answers is the default of [WithAnswers]. It looks up the SQLSTATE of an error in the table of
// docs/databases.md. ([Classify] says where the SQLSTATE is found.) An error is NoAnswer in each of
// these cases:
//
//   - it has no SQLSTATE;
//   - its severity is FATAL or PANIC (a field of the errors of pgx and lib/pq): such an error ends
//     the session, perhaps after the work was done;
//   - its SQLSTATE is of class 08, 57 (except 57014), 58, 70, HY, IM or XX, or is 40003, 25P03 or
//     25P04: the connection or the session ended, or a proxy or a distributed database does not
//     know the outcome;
//   - its SQLSTATE is 53100 (disk full), and its severity is not ERROR: a server whose log is full
//     panics with the same SQLSTATE.
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
