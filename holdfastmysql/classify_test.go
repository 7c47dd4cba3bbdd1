package holdfastmysql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastmysql"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// number is an error of the server.
func number(n uint16, state string) error {
	e := &mysql.MySQLError{Number: n, Message: "told by the server"}
	copy(e.SQLState[:], state)
	return e
}

// A user-defined number and state are unclassified to the stages of a pipeline too, which ask
// resilience.Classify next.
func TestUnclassifiedStays(t *testing.T) {
	for _, state := range []string{"HY000", "99999", "PAY01"} {
		got := resilience.Assess(t.Context(), holdfastmysql.Classify, number(30001, state))
		require.Equal(t, resilience.Judgment{Dependency: resilience.Unclassified, Retry: resilience.Unclassified}, got, state)
	}
}

func TestClassifyAndAnswers(t *testing.T) {
	for _, c := range []struct {
		err    error
		want   resilience.Verdict
		answer holdfastsql.Answer
	}{
		{nil, resilience.Success, holdfastsql.NoAnswer},
		{sql.ErrNoRows, resilience.Success, holdfastsql.NoAnswer},
		{number(1213, "40001"), resilience.Transient, holdfastsql.LostRace},
		{number(1205, "HY000"), resilience.Transient, holdfastsql.LostRace},
		{number(1205, ""), resilience.Transient, holdfastsql.LostRace}, // of a server that sends no state
		{number(1040, "08004"), resilience.Overload, holdfastsql.Undone},
		{number(1203, "42000"), resilience.Overload, holdfastsql.Undone},
		{number(1062, "23000"), resilience.Permanent, holdfastsql.Undone},
		{number(1146, "42S02"), resilience.Permanent, holdfastsql.Undone},
		{number(1290, "HY000"), resilience.Transient, holdfastsql.ReadOnly},
		{&mysql.MySQLError{Number: 1290, Message: "running with the --read-only option"}, resilience.Transient, holdfastsql.ReadOnly},
		{&mysql.MySQLError{Number: 1290, Message: "running with the --super-read-only option"}, resilience.Transient, holdfastsql.ReadOnly},
		{&mysql.MySQLError{Number: 1290, Message: "running with the --secure-file-priv option"}, resilience.Permanent, holdfastsql.Undone},
		{number(1792, "25006"), resilience.Transient, holdfastsql.ReadOnly},
		{number(1836, "HY000"), resilience.Transient, holdfastsql.ReadOnly},
		{number(1053, "08S01"), resilience.Transient, holdfastsql.NoAnswer},
		{number(1317, "70100"), resilience.Transient, holdfastsql.NoAnswer},
		{number(1180, "HY000"), resilience.Transient, holdfastsql.NoAnswer},
		{number(4999, "HY000"), resilience.Unclassified, holdfastsql.NoAnswer},
		{number(4999, "45000"), resilience.Unclassified, holdfastsql.Undone}, // SIGNAL
		{number(4999, ""), resilience.Unclassified, holdfastsql.NoAnswer},
		{mysql.ErrInvalidConn, resilience.Transient, holdfastsql.NoAnswer},
		{mysql.ErrPktSync, resilience.Transient, holdfastsql.NoAnswer},
		{mysql.ErrBusyBuffer, resilience.Transient, holdfastsql.NoAnswer},
		{mysql.ErrPktTooLarge, resilience.Permanent, holdfastsql.NoAnswer},
		{mysql.ErrNoTLS, resilience.Permanent, holdfastsql.NoAnswer},
		{driver.ErrBadConn, resilience.Transient, holdfastsql.NoAnswer},
		{io.EOF, resilience.Transient, holdfastsql.NoAnswer},
		{context.DeadlineExceeded, resilience.Transient, holdfastsql.NoAnswer},
		{context.Canceled, resilience.Canceled, holdfastsql.NoAnswer},
		{errors.New("unknown"), resilience.Unclassified, holdfastsql.NoAnswer},
		{resilience.MarkPermanent(number(1213, "40001")), resilience.Permanent, holdfastsql.LostRace},
		{(*mysql.MySQLError)(nil), resilience.Unclassified, holdfastsql.NoAnswer},
	} {
		name := "a nil *mysql.MySQLError"
		if e, ok := c.err.(*mysql.MySQLError); !ok || e != nil { //nolint:errorlint // this very error
			name = fmt.Sprint(c.err)
		}
		require.Equal(t, c.want, holdfastmysql.Classify(c.err), name)
		require.Equal(t, c.answer, holdfastmysql.Answers(c.err), name)
	}
	wrapped := fmt.Errorf("wrapped: %w", number(1213, "40001"))
	require.Equal(t, resilience.Transient, holdfastmysql.Classify(wrapped))
	require.Equal(t, holdfastsql.LostRace, holdfastmysql.Answers(wrapped))
}

// Classify and Answers agree with the table in docs/databases.md.
func TestDocumentedNumbers(t *testing.T) {
	text, err := os.ReadFile("../docs/databases.md")
	require.NoError(t, err)
	answers := map[string][]holdfastsql.Answer{
		"yes": {holdfastsql.Undone, holdfastsql.LostRace, holdfastsql.ReadOnly}, "no": {holdfastsql.NoAnswer},
	}
	n := 0
	for _, row := range regexp.MustCompile(`(?m)^\| ((?:\x60\d{4}\x60(?:, )?)+) \|.*?\| (\w+) \| (yes|no) \|`).FindAllStringSubmatch(string(text), -1) {
		for _, digits := range regexp.MustCompile(`\d{4}`).FindAllString(row[1], -1) {
			n++
			code, err := strconv.ParseUint(digits, 10, 16)
			require.NoError(t, err)
			e := &mysql.MySQLError{Number: uint16(code), SQLState: [5]byte([]byte("23000"))}
			require.Equal(t, strings.ToLower(row[2]), holdfastmysql.Classify(e).String(), digits)
			require.Contains(t, answers[row[3]], holdfastmysql.Answers(e), digits)
		}
	}
	require.Greater(t, n, 40)
}
