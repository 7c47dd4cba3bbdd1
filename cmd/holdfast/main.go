// Command holdfast shows what Holdfast does, and checks and explains the file that configures it. What it can do
// stands in commands.go; "holdfast help" prints it.
//
// It exits with 0 if all went well, 1 if the command failed or found what it looks for, 2 if it
// was called the wrong way, 130 if it was interrupted.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/media-gateway/holdfast/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for good order
	os.Exit(program(installed()).Run(ctx, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Args[1:]))
}
