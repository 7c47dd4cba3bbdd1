// Package fleetbus is a store for the pods of a fleet and the network to it, with faults that a
// seed repeats: delay, loss, requests that arrive twice and late, pods that are cut off or stand
// still, a store that is down, split in two or flushed, and clocks that are wrong.
//
// It is made for the virtual time of testing/synctest, in a storm (package storm) or in a bubble of
// one's own. Each pod has a Transport of its own, since a Transport is not told whose requests it
// carries.
package fleetbus
