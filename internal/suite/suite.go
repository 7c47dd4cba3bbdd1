// Package suite says how much the tests of this module and its neighbours try, and how many of them
// at once.
package suite

import (
	"flag"
	"os"
	"strconv"
)

// Nightly reports whether everything is to be tried (HOLDFAST_NIGHTLY=1), as .ci/nightly does.
// Without it, a test may leave out what takes longer than a change should wait for.
func Nightly() bool { return os.Getenv("HOLDFAST_NIGHTLY") == "1" }

// Seeds returns how many of n seeds a test tries whose cases differ in numbers only: all of them,
// and with the race detector a tenth, but at least one. Every seed runs the same code, so that the
// detector sees next to nothing new in the others; at night it sees them, too.
func Seeds(n int) int {
	if Raced && !Nightly() {
		return max(1, n/10)
	}
	return n
}

// AtOnce lets n tests that called t.Parallel run at once, unless the flag -parallel says how many.
// By default they are as many as there are processors, which is few where tests mostly wait. It is
// to be called in TestMain.
func AtOnce(n int) {
	flag.Parse() // as M.Run would
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if f := flag.Lookup("test.parallel"); f != nil && !chosen {
		_ = f.Value.Set(strconv.Itoa(n)) // n is a number
	}
}
