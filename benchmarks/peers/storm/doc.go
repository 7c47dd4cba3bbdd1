// Package storm puts the libraries a Go team would otherwise use, and clients without any, through
// the same storms as Holdfast's presets, in the laboratory of package
// github.com/media-gateway/holdfast/storm. run.sh writes the tables and the plot of docs/storms.md.
//
// Everyone gets the deadlines, the number of retries and the pauses of the preset that they are
// compared with, and, where the library has a breaker, the breaker's numbers; a budget or throttle
// is the library's own, with its own defaults. Each wrapper in rivals_test.go is also an example of
// how to put a client of your own into the laboratory.
//
// The rivals draw their jitter from math/rand's global source, which no one can seed: their rows
// vary a little from run to run, and the bands of TestPresetsHold allow for it. concessions_test.go
// lists where a preset loses, and why.
package storm
