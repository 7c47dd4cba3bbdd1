// Package traps holds no code, only tests: one file for each way in which retry loops, circuit
// breakers and budgets are known to go wrong. Most were found in libraries in wide use.
//
// The comment at each test says in a line which behaviour it pins. The tests use the public
// API alone and, where it makes sense, ask the same of a pipeline and of the bare policies in
// a resilience.Chain. Everything that waits does so in a synctest bubble.
package traps
