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
		{errors.New("unknown"), resilience.Permanent},
		{stateError("no"), resilience.Permanent},
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

// The table in docs/databases.md is what Classify does.
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
