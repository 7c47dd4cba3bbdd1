package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/visible"
)

const starterName = "services.yaml"

func initCommand() cli.Command {
	return cli.Command{
		Name: "init", Summary: "write a commented configuration file to start from", Usage: []string{"[-force] [-o FILE | FILE]"},
		About: "Writes a configuration file that works as it is and says what its numbers do, to " + starterName + " or FILE; " +
			"to standard output if FILE is -. A file that exists is left alone.",
		Exits: []cli.Exit{
			{Code: cli.OK, Means: "the file was written"},
			{Code: cli.Failure, Means: "the file exists already, or cannot be written"},
		},
		Define: func(fs *flag.FlagSet) cli.Run {
			output := fs.String("o", "", "the `FILE` to write")
			force := fs.Bool("force", false, "overwrite a file that exists")
			return func(_ context.Context, s cli.Streams, args []string) error {
				path, err := pathOf(*output, args)
				if err != nil {
					return err
				}
				return writeStarter(s, path, *force)
			}
		},
		Complete: func(before []string) cli.Choices {
			return cli.Choices{Files: len(before) == 0, Ext: extensions}
		},
	}
}

// pathOf returns the path of the file to write.
func pathOf(output string, args []string) (string, error) {
	switch {
	case len(args) > 1:
		return "", cli.Misusef("%d files; want one", len(args))
	case len(args) == 1 && output != "":
		return "", cli.Misusef("-o %s and %s; want one of them", visible.Name(output), visible.Name(args[0]))
	case len(args) == 1 && args[0] == "":
		return "", cli.Misusef(`file ""; want a name, or none for %s`, starterName)
	case len(args) == 1:
		return args[0], nil
	case output != "":
		return output, nil
	}
	return starterName, nil
}

// isThere is the error for a file that exists, without -force.
func isThere(path string) error {
	return fmt.Errorf("%s is there already, and was left as it is; -force overwrites it", visible.Name(path))
}

func writeStarter(s cli.Streams, path string, force bool) error {
	text := config.Starter()
	if path == "-" {
		return s.Exact(string(text))
	}
	write := create
	if force {
		write = replace
	}
	switch err := write(path, text); {
	case errors.Is(err, fs.ErrExist):
		return isThere(path)
	case err != nil:
		return err
	}
	name := visible.Line(quoted(path))
	return s.Print("Wrote " + visible.Name(path) + ". Make it yours, then:\n" +
		"  holdfast lint " + name + "      # does the arithmetic\n" +
		"  holdfast explain " + name + "   # shows what a call may take\n")
}
