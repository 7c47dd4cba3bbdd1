package told

import (
	"context"
	"time"
)

// File is the configuration file that makes a change.
type File struct {
	Path string    // as the program gave it
	At   time.Time // when it was read
}

type fileKey struct{}

// ByFile returns a ctx for the observers of what a file changes.
func ByFile(ctx context.Context, f File) context.Context {
	return context.WithValue(ctx, fileKey{}, f)
}

// FileOf returns the file that makes the change of which an observer hears with ctx.
func FileOf(ctx context.Context) (f File, ok bool) {
	f, ok = ctx.Value(fileKey{}).(File)
	return f, ok
}
