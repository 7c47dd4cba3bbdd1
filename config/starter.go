package config

import (
	_ "embed" // the starter file
	"slices"
)

//go:embed starter.yaml
var starter []byte

// Starter returns a YAML file to begin with, as `holdfast init` writes it. It has every stage once,
// with a comment that says why. It loads, and the linter finds no errors or warnings in it. The
// caller may change the returned bytes.
func Starter() []byte { return slices.Clone(starter) }
