// Package retries counts what real clients send when a server fails twice, or does not stop to:
// alone, in a pipeline, and in one with their own retries off. docs/clients.md shows the counts.
package retries
