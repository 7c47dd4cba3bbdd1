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

// Partly reports whether a test may leave out cases that run the same code as others do: with the
// race detector, which makes everything five times slower and sees nothing new in them. At night it
// sees them, too.
func Partly() bool { return Raced && !Nightly() }

// Tries returns how many of n random cases a test tries: all of them, or a tenth and at least one
// if they are to be tried Partly.
func Tries(n int) int {
	if Partly() {
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
