// Package model has reference models of the budget, the retry schedule, the breaker and the
// bulkhead, for tests only. They were written from the documentation alone and share no code with
// the stages: nothing here calls a func of a stage. They are plain and slow. Where a stage has a
// counter, its model has the list of what happened, and when, and looks through it for every
// answer.
//
// The tests drive a stage and its model through the same random operations, in virtual time, and
// compare every answer. A failure prints the seed and the shortest row of operations that still
// fails. HOLDFAST_SEED chooses another seed than 1.
//
// Where the documentation leaves a case open, the model does what a user would expect, and a
// comment that begins with "Undecided" says so.
package model
