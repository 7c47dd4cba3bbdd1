// Package timeline draws a failing call of a pipeline over time, twice: once where each attempt
// takes all the time it may, and once where each fails at once. It draws text for a terminal, SVG
// and JSON.
//
// The arithmetic is internal/plan's. Nothing here runs a pipeline.
package timeline
