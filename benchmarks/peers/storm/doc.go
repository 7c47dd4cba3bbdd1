// Package storm puts the libraries a Go team would otherwise use, and clients without any, through
// the same storms as Holdfast's presets, in the laboratory of package
// github.com/media-gateway/holdfast/storm. run.sh plays them all in eight seeds, keeps what it
// found as run.txt, and writes the tables and the plot of docs/storms.md from it.
//
// Everyone gets the deadlines, the number of retries and the pauses of the preset that they are
// compared with, and, where the library has a breaker, the breaker's numbers; a budget, a throttle
// or a limiter is the library's own, with its own defaults. Where parts can be put together in
// several ways, it is the one that got the most calls through, or both are there. Each wrapper in
// rivals_*_test.go is also an example of how to put a client of your own into the laboratory.
//
// Most rivals draw their jitter from math/rand's global source, which no one can seed: their rows
// vary a little from run to run. Holdfast's do not, and a test plays one seed of each storm again.
// concessions_test.go lists where a preset loses, and why.
//
// loopback_*_test.go play some clients in shortened storms on a real HTTP server, in real time, and
// hold the lab to the order that the server shows. loopback.sh writes what they found; with each
// change, the server is held to the lab's figures in a bubble.
package storm
