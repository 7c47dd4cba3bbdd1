// Command holdfast shows what Holdfast does.
//
//	holdfast demo      what retries do to a dependency that is down, on real HTTP traffic; with -web, on a live page
//	holdfast version   which version this is
//	holdfast help      how to use it; "holdfast help demo" for a subcommand
//
// It exits with 0 if all went well, 1 if the subcommand failed, 2 if it was called the wrong
// way, 130 if it was interrupted.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/media-gateway/holdfast/internal/demo"
)

const usage = `Holdfast keeps critical calls alive through a flaky dependency.

Usage: holdfast COMMAND [flags]

Commands:
  demo      what retries do to a dependency that is down, on real HTTP traffic (20 s);
            with -web, on a live page where its budgets can be changed (until Ctrl-C)
  version   print the version
  help      print this, or with a command's name its usage
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for good order
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run does what args say and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		_, _ = io.WriteString(stderr, usage)
		return demo.ExitMisuse
	}
	switch command, rest := args[0], args[1:]; command {
	case "demo":
		return demo.Main(ctx, rest, stdout, stderr)
	case "version", "-version", "--version":
		_, _ = fmt.Fprintln(stdout, "holdfast", version())
		return demo.ExitOK
	case "help", "-h", "-help", "--help":
		return help(rest, stdout, stderr)
	default:
		return misuse(stderr, "unknown command %q: want demo, version or help", command)
	}
}

func help(args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		_, _ = io.WriteString(stdout, usage)
	case len(args) == 1 && args[0] == "demo":
		demo.Usage(stdout)
	default:
		return misuse(stderr, "help %q: want no argument or demo", args)
	}
	return demo.ExitOK
}

func misuse(stderr io.Writer, format string, args ...any) int {
	_, _ = fmt.Fprintf(stderr, "holdfast: "+format+"\nRun 'holdfast help' for usage.\n", args...)
	return demo.ExitMisuse
}

// version is the module's, or the revision it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown)"
	}
	return info.Main.Version
}
