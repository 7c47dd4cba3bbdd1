package main

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheLogTellsTheStory(t *testing.T) {
	var out bytes.Buffer
	synctest.Test(t, func(*testing.T) { run(&out) })
	log := out.String()
	for _, line := range []string{
		`(?m)^level=DEBUG msg=retrying pipeline=payments attempt=3 verdict=overload delay=`,
		`(?m)^level=WARN msg="circuit breaker open" .* from=closed to=open why=".+"$`,
		`(?m)^level=WARN msg="gave up" pipeline=payments reason=retries_exhausted attempts=4 `,
		`(?m)^level=DEBUG msg=refused pipeline=payments stage=breaker breaker=payments reason=breaker_open `,
		`(?m)^level=WARN msg="circuit breaker closed" .* from=half-open to=closed$`,
		`(?m)^retries after overload: 3 after other failures: 0$`,
	} {
		require.Regexp(t, line, log)
	}
}
