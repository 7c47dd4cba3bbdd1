package storm_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No storm leaves a goroutine behind. go-zero starts one when it is imported.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }
