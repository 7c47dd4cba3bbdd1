// Package policytest checks that a Guard or an Observer of your own keeps the contract of
// package resilience. Call it from a test:
//
//	func TestLimiter(t *testing.T) {
//		policytest.TestGuard(t, func() resilience.Guard { return NewLimiter(10) })
//	}
//
// Every check makes a Guard or Observer of its own and runs in a synctest bubble, where time passes
// only when everyone waits: hours of refilling cost nothing, and whoever waits for what will never
// come is found out. What newGuard makes must therefore not be shared between checks, nor start
// goroutines that it does not end. Run the tests with -race as well: some checks only call from
// many goroutines at once, and leave it to the race detector to object.
package policytest
