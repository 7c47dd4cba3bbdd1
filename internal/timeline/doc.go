// Package timeline draws what a pipeline's numbers lead to: how a call goes whose attempts all
// fail, once where each takes all the time it may, and once where each fails at once. For a
// terminal, as a picture, and as JSON.
//
// The arithmetic is internal/plan's. Nothing here runs a pipeline.
package timeline
