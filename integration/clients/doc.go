// Package clients holds resilience.Classify to the errors that real clients return: each row of its
// tables is an error that the client made itself, or a value that it exports, beside what an
// operator would call it. It is a module of its own, so that nothing else requires all those
// clients.
package clients
