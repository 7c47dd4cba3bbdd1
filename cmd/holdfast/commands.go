package main

import (
	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/demo"
)

// program is the table of commands. Help, completion and the hints for a mistyped word are made
// from it.
func program() *cli.App {
	return &cli.App{
		Name:  "holdfast",
		About: "Holdfast keeps critical calls alive through a flaky dependency.",
		Commands: []cli.Command{
			demo.Command(),
			initCommand(),
			lintCommand(),
			explainCommand(),
			fleetCommand(),
			versionCommand(),
		},
	}
}

// extensions are what a configuration file's name may end with.
var extensions = []string{"yaml", "yml", "json"}
