// Package lint checks the numbers of pipelines against each other. It does the arithmetic that
// people get wrong: whether all attempts fit before the deadline, how much traffic an outage makes,
// whether a breaker can open or opens by chance, how attempts multiply from service to service.
//
// Each finding has a stable code, a sentence with its numbers, the arithmetic, and a fix: the
// settings of a configuration file that make the finding go away. Explain returns the background of
// a code. Nothing here runs a pipeline. The arithmetic is in package internal/plan, whose tests
// compare it with real pipelines.
//
// An Error is a setting that cannot do what it says, or that has no limit. A Warning does harm in a
// bad minute. An Info is something to know, and may be intended.
package lint
