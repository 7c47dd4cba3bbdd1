package holdfast

// None returns a placeholder that means "no pipeline". An adapter that is told to choose it for a
// call makes the call without any pipeline, as if the adapter were not there. Do not run calls
// through it: its Do returns an error.
func None() *Pipeline { return none }

var none = new(Pipeline)
