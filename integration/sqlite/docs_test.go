package sqlite_test

import (
	"database/sql"
	"errors"

	"modernc.org/sqlite"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// The part of docs/databases.md that needs SQLite.

// sqliteAnswers knows SQLite's result codes: the low byte is the primary one.
func sqliteAnswers(err error) holdfastsql.Answer {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
			return holdfastsql.LostRace
		case 19: // SQLITE_CONSTRAINT
			return holdfastsql.Undone
		}
	}
	return holdfastsql.NoAnswer
}

func sqliteClassify(err error) resilience.Verdict {
	switch sqliteAnswers(err) {
	case holdfastsql.LostRace:
		return resilience.Transient
	case holdfastsql.Undone:
		return resilience.Permanent
	}
	return holdfastsql.Classify(err)
}

func openSQLite(pool *sql.DB, payments *holdfast.Pipeline) (*holdfastsql.DB, error) {
	return holdfastsql.New(pool, payments,
		holdfastsql.WithClassifier(sqliteClassify), holdfastsql.WithAnswers(sqliteAnswers))
}
