package holdfastsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// An error that Classify does not know is unclassified to the stages too: they ask
// resilience.Classify next, which does not know it either.
func TestUnclassifiedStays(t *testing.T) {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, first := range letters {
		for _, second := range letters {
			if first < 'A' && second < 'A' || first == '0' || first == '2' || first == '3' || first == 'H' {
				continue // the standard's own classes, and those of drivers for SQL/CLI
			}
			err := stateError(string([]rune{first, second}) + "Q01")
			if holdfastsql.Classify(err) == resilience.Unclassified {
				got := resilience.Assess(t.Context(), holdfastsql.Classify, err)
				require.Equal(t, resilience.Judgment{Dependency: resilience.Unclassified, Retry: resilience.Unclassified}, got, err)
			}
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want resilience.Verdict
	}{
		{nil, resilience.Success},
		{sql.ErrNoRows, resilience.Success},
		{driver.ErrBadConn, resilience.Transient},
		{io.EOF, resilience.Transient},
		{io.ErrUnexpectedEOF, resilience.Transient},
		{net.ErrClosed, resilience.Transient},
		{syscall.ECONNRESET, resilience.Transient},
		{context.DeadlineExceeded, resilience.Transient},
		{context.Canceled, resilience.Canceled},
		{errors.Join(context.Canceled, driver.ErrBadConn), resilience.Canceled},
		{sql.ErrConnDone, resilience.Permanent},
		{sql.ErrTxDone, resilience.Permanent},
		{errors.New("unknown"), resilience.Unclassified},
		{stateError("no"), resilience.Unclassified},
		{stateError("PAY01"), resilience.Unclassified},
		{stateError("HY000"), resilience.Unclassified},
		{&numbered{1213, [5]byte([]byte("40001"))}, resilience.Transient},
		{&numbered{1062, [5]byte([]byte("23000"))}, resilience.Permanent},
		{&numbered{1205, [5]byte{}}, resilience.Transient},
		{errors.Join(context.DeadlineExceeded, stateError("23505")), resilience.Permanent},
		{errors.Join(context.Canceled, stateError("23505")), resilience.Canceled},
		{resilience.MarkPermanent(stateError("40001")), resilience.Permanent},
		{resilience.MarkNoRetry(io.EOF, resilience.Transient), resilience.Permanent},
		{errors.Join(syscall.ECONNREFUSED, stateError("28P01")), resilience.Permanent},
	} {
		wrapped := c.err
		if wrapped != nil {
			wrapped = fmt.Errorf("wrapped: %w", c.err)
		}
		require.Equal(t, c.want, holdfastsql.Classify(c.err), "%v", c.err)
		require.Equal(t, c.want, holdfastsql.Classify(wrapped), "%v", wrapped)
	}
}

// numbered is an error with its SQLSTATE in a field, like go-sql-driver's.
type numbered struct {
	Number   uint16
	SQLState [5]byte
}

func (*numbered) Error() string { return "numbered" }

// Classify agrees with the table in docs/databases.md.
func TestDocumentedStates(t *testing.T) {
	text, err := os.ReadFile("../docs/databases.md")
	require.NoError(t, err)
	states := regexp.MustCompile(`(?m)^\| ((?:\x60\w{5}\x60(?:, )?)+) \|.*?\| (\w+) \|`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, states)
	n := 0
	for _, row := range states {
		for _, state := range regexp.MustCompile(`\w{5}`).FindAllString(row[1], -1) {
			n++
			require.Equal(t, row[2], title(holdfastsql.Classify(stateError(state)).String()), state)
		}
	}
	require.Greater(t, n, 30)
}

func title(s string) string { return string(s[0]-'a'+'A') + s[1:] }
