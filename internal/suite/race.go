//go:build race

package suite

// Raced reports whether the race detector is on.
const Raced = true
