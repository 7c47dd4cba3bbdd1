// Package formal holds no code, only models of the breaker and of a fleet, which spin checks
// (check.sh), and tests that replay runs of the breaker's models against the Go code. Those of the
// fleet's are replayed in package fleet. README.md says what is proven, and within what bounds.
package formal
