package config

// Call says that a call of one service goes on to call another.
type Call struct {
	Service string  // of the same file
	PerCall float64 // how often, on average
}

// Silence keeps a finding of the linter out of its report.
type Silence struct {
	Code   string // "HF012"
	Reason string // why it is accepted; never blank
	Line   int    // of the file; 0 if it is not from a file
}
