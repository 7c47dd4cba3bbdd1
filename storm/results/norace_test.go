//go:build !race

package results_test

const underRace = false
