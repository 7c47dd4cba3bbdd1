// Package formal holds no code, only models of the breaker and of a fleet, which spin checks
// (check.sh), and tests that replay runs of the models against the Go code. README.md says what is
// proven, and within what bounds.
package formal
