// Command holdfast demonstrates Holdfast, and checks and explains configuration files. Its commands
// are listed in commands.go; "holdfast help" prints them. Results go to standard output, all else
// to standard error. demo, lint, explain, fleet's commands and version print JSON with -json.
//
// The exit codes, as "holdfast COMMAND -h" prints them:
//
//	demo       0  the play is over
//	           1  it could not run
//	         130  Ctrl-C ended it early; the table, if any, covers the time so far
//	init       0  the file was written
//	           1  the file exists already, or cannot be written
//	lint       0  no errors were found
//	           1  errors (with -strict, also warnings) were found, or a file does not load
//	explain    0  it was printed
//	           1  the file does not load or cannot be written, or there is no such service or code
//	fleet      0  the order was given; or, of status, the pod has news of its fleet
//	           1  it was not, or it is not known; or the pod has no news, or cannot be asked
//	version    0  always, but for misuse
//
// completion and help exit with 0. Every command exits with 2 if it was called the wrong way. If
// Ctrl-C ended it, shells report 130.
package main

import (
	"context"
	"os"

	"github.com/media-gateway/holdfast/internal/cli"
)

func main() {
	os.Exit(program().Run(context.Background(), cli.Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Columns: cli.Columns(os.Stdout), ErrColumns: cli.Columns(os.Stderr),
	}, os.Args[1:]))
}
