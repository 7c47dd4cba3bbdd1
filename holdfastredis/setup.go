package holdfastredis

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/resilience"
)

// go-redis sets up a connection (HELLO, AUTH, SELECT, CLIENT SETINFO, …) through the hooks of the
// client, in the middle of the command that needs the connection. These commands bypass the
// pipeline, since they are part of an attempt. If one fails, the command was not sent; a setupError
// says so.

type setupKey struct{}

// duringSetup returns the ctx for the commands of OnConnect, which cannot be recognized by their
// names.
func duringSetup(ctx context.Context) context.Context {
	return context.WithValue(ctx, setupKey{}, true)
}

// setsUp reports whether cmd sets up a connection. Users do not send such commands through a client
// with a pool.
func setsUp(cmd redis.Cmder) bool {
	switch cmd.Name() {
	case "hello", "auth", "select", "readonly", "readwrite":
		return true
	case "client":
		if args := cmd.Args(); len(args) > 1 {
			sub, _ := args[1].(string)
			switch strings.ToLower(sub) {
			case "setname", "setinfo", "tracking", "maint_notifications":
				return true
			}
		}
	}
	return false
}

// setupError is an error while a connection was set up: the command that needed it was not sent.
type setupError struct {
	err   error
	reply bool // err is a reply of the server
}

func setupFailed(err error) error {
	switch reply, ok := errors.AsType[redis.Error](err); {
	case err == nil:
		return nil
	case !ok:
		return &setupError{err: err}
	case isMaxClients(reply.Error()) || isRefusal(reply.Error()):
		return &setupError{err: err, reply: true}
	}
	return err
}

func (e *setupError) Error() string { return e.err.Error() }

// Unwrap returns a slice, since go-redis calls errors.Unwrap on errors of the setup, which would
// remove this wrapper. For a reply of the server it returns nil: go-redis would take an error reply
// to HELLO to mean that the server does not know HELLO, and continue.
func (e *setupError) Unwrap() []error {
	if e.reply {
		return nil
	}
	return []error{e.err}
}

// Origin returns the error inside: see resilience.Origin.
func (e *setupError) Origin() error { return e.err }

// Unsent returns true.
func (e *setupError) Unsent() bool { return true }

// Verdict returns what Classify makes of the error inside.
func (e *setupError) Verdict() resilience.Verdict { return Classify(e.err) }
