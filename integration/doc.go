// Package integration tries Holdfast against real PostgreSQL and Redis servers, through a proxy that
// breaks what it is told to break. It is a module of its own, so that no other requires the proxy.
package integration
