// Package results holds tests only: published results on retries, reproduced with the production
// code. Each names its source, how many trials it makes, and the band in which it takes a
// result for reproduced. docs/storms.md shows the tables that they log:
//
//	go test -v ./storm/results
//
// All chance is seeded, so that a result that holds once holds always. With -short or -race a
// quarter of the trials is made, in the same bands.
package results
