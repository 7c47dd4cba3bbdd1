package holdfast

// None returns the pipeline that stands for none. An adapter that is told to choose it for a call
// makes the call without any pipeline, as if the adapter were not there. It is no pipeline to run
// calls through: its Do returns an error.
func None() *Pipeline { return none }

var none = new(Pipeline)
