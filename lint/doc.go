// Package lint checks the numbers of pipelines against each other, by the arithmetic that people
// get wrong: whether all attempts fit before the deadline, what an outage makes of the traffic,
// whether a breaker ever opens, or opens by chance, how attempts multiply from service to service.
//
// Each finding has a code that does not change, a sentence with its numbers, the arithmetic, and
// the change that makes it go away, in the words of a configuration file. Explain has a code's
// background. Nothing here runs a pipeline: the arithmetic is that of package internal/plan, whose
// tests hold it to what pipelines do.
//
// What is an Error cannot do what it says, or has no limit. A Warning does harm in a bad minute. An
// Info is something to know, and may be just what was meant.
package lint
