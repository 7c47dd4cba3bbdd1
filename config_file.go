package holdfast

import "time"

// ConfigFile is a configuration file that a program follows while it runs. A config.Watcher is one.
// Health ([HealthRules.WithConfig]) and the metrics (FollowConfig of holdfastprom and holdfastotel)
// read its Status, which has to be safe for concurrent use and must not block.
type ConfigFile interface {
	Status() ConfigStatus
}

// ConfigStatus says how a configuration file stands. All times are those of the wall clock at which
// the file was read.
type ConfigStatus struct {
	Path string    // as the program gave it
	Read time.Time // when the file was last found to have changed: the last attempt, good or bad

	// Applied is when a file was last applied, be it one with the same numbers as the one before.
	// Once a file is refused, the one before stays in force. Zero if none was applied.
	Applied time.Time

	// Err says why the file, as it was last read, is refused; nil if it is in force. Refused is
	// since when the file has been refused, also if it was refused for several reasons, one after
	// the other; zero if it is in force.
	Err     error
	Refused time.Time

	// How many files were applied, the first one included, and how many were refused.
	Reloads, Refusals uint64

	// Ended says that nobody follows the file any more: a change of it goes unnoticed.
	Ended bool
}
