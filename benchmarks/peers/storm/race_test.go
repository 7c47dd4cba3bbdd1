//go:build race

package storm_test

// The race detector triples the time, and has nothing more to find in the other presets.
func init() { again = again[1:2] }
