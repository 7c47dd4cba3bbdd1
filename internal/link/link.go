// Package link lets resilience.Chain tell the built-in stages what stands around them. The contract
// knows no stage, so whoever knows them (internal/stage) says here how it is done.
package link

// InChain returns policies[i], a resilience.Policy like the others, as it behaves in that row, the
// outermost first. It is nil in a program without built-in stages. It is set by an init, and not
// changed after that.
var InChain func(policies []any, i int) any
