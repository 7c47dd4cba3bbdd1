// Command mutate finds out what the tests would not notice. It makes small mistakes in the code,
// one at a time, and runs the tests of the package, and then those of the packages that build on
// it. It prints each mistake that all of them let pass, with its place. For those in survivors.txt
// it prints why nobody need notice them.
//
//	go run ./internal/mutate -sample 400 -seed 1 ./resilience/... .
//
// In the files that you have changed:
//
//	go run ./internal/mutate -files "$(git diff --name-only --diff-filter=d main | paste -sd,)"
//
// The mistakes: a comparison moved by one or turned round, a condition negated, "and" for "or", a
// sum for a difference, a statement left out, the zero value returned where another is. The seed
// decides which are drawn. The tree is not touched: the compiler is given an overlay.
//
// The exit code is 1 if the tests notice fewer than -least asks for, and 2 if that cannot be said:
// the tests fail without any mistake, say.
package main
