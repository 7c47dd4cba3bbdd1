// Package integration tries Holdfast against real PostgreSQL and Redis servers, through a proxy
// that breaks what it is told to break, and package config's JSON Schema by a validator. It is a
// module of its own, so that no other requires the proxy and the validator.
package integration
