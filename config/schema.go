package config

import (
	_ "embed" // schema.json and the starter file
	"slices"
)

//go:generate go test -count=1 -run=^TestGenerated . -update

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of the file, by which editors complete and check
// it: config/schema.json of this module. It knows names, kinds, words and the bounds of numbers.
// What takes two values to see, such as a deadline inside a shorter one, only Load finds.
func Schema() []byte { return slices.Clone(schema) }
