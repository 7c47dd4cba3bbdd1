// Package rpc is what the adapters for gRPC and for Connect share: what a code means, what servers
// and clients tell each other, and what is known of a failed attempt. Both protocols have the same
// codes with the same numbers, so the same failure means the same in both. It depends on neither.
package rpc
