package config

import (
	_ "embed" // schema.json and the starter file
	"slices"
)

//go:generate go test -count=1 -run=^TestGenerated . -update

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of a file, with which editors complete and check
// it. It is config/schema.json of this module. It has the names and kinds of keys, their words, and
// the bounds of numbers. Only Load finds what depends on two values, such as an attempt_deadline
// that is longer than the deadline. The caller may change the returned bytes.
func Schema() []byte { return slices.Clone(schema) }
