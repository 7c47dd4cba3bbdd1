// Package storms holds tests only: storms (package storm) that the pods of a fleet go through with
// the production code, joined over a bus whose faults a seed repeats (internal/fleetbus), and
// without a fleet. run.sh plays them all, keeps what it found as run.txt, and writes the tables of
// docs/fleet.md from it.
//
// A test plays a part of them again with each change, and holds them to what was found;
// claims_test.go holds what was found to what the page claims.
package storms
