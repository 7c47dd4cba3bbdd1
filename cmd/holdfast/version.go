package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/media-gateway/holdfast/internal/cli"
)

// build describes this build.
type build struct {
	Version  string `json:"version"`            // of the module; "(devel)" for a checkout without a version
	Revision string `json:"revision,omitempty"` // of the checkout it was built from
	Modified bool   `json:"modified"`           // the checkout had uncommitted changes
	Time     string `json:"time,omitempty"`     // of the revision, RFC 3339
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) String() string {
	s := "holdfast " + b.Version
	if b.Revision != "" && !strings.Contains(b.Version, b.Revision[:min(12, len(b.Revision))]) {
		s += " (" + b.Revision + ")"
	}
	return fmt.Sprintf("%s %s %s\n", s, b.Go, b.Platform)
}

func versionCommand() cli.Command {
	return cli.Command{
		Name: "version", Summary: "print the version", Usage: []string{"[-json]"}, AsFlag: true,
		About: "Prints which version this is, and what it was built with.",
		Exits: []cli.Exit{{Code: cli.OK, Means: "always, but for misuse"}},
		Define: func(fs *flag.FlagSet) cli.Run {
			asJSON := fs.Bool("json", false, "print one JSON object: version, revision, modified, time, go, platform")
			return func(_ context.Context, s cli.Streams, args []string) error {
				if len(args) > 0 {
					return cli.Misusef("argument %q; want flags only", args[0])
				}
				if *asJSON {
					return printJSON(s, thisBuild())
				}
				return s.Print(thisBuild().String())
			}
		},
	}
}

// printJSON prints v as indented JSON, for people and scripts.
func printJSON(s cli.Streams, v any) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	return s.Exact(b.String())
}
