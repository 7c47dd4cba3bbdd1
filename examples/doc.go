// Package examples holds programs to copy from. Each shows Holdfast at work against real parts,
// runs by itself, ends within three seconds and has a test. Over the network:
//
//	go run ./examples/payment        payments over HTTP: no order is charged twice
//	go run ./examples/auth           tokens over gRPC: what may be repeated, and what not
//	go run ./examples/postgres       a connection to PostgreSQL and a query, aggressive; needs PostgreSQL (DATABASE_URL)
//	go run ./examples/cache          a cache in Redis, gentle, every error retried; needs Redis (REDIS_URL)
//	go run ./examples/tmdb           films from an external API, the default policy
//	go run ./examples/health         a health endpoint
//
// Of the core alone:
//
//	go run ./examples/sharedbudget   two endpoints of one dependency on one retry budget
//	go run ./examples/customguard    a Guard of your own as a stage
//	go run ./examples/observe        what a pipeline tells a log
//	go run ./examples/configfile     services in a file that changes while the program runs
//
// A server that is needed and not there is an error, which says how to start one. Without
// DATABASE_URL and REDIS_URL it is looked for at the usual port of this machine.
package examples
