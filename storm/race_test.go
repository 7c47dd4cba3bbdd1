//go:build race

package storm_test

// The detector makes everything five times slower, and has seen all there is after a few trials.
const underRace = true
