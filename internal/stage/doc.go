// Package stage is what the built-in stages say of themselves to the rest of the module: what they
// are called, what is in force, what an update keeps of them, how they read in a row. A package of
// a stage registers a Spec, in its file stage.go; the table of kinds is what was registered.
// Whoever deals with stages in general (the pipeline, its linter, a configuration file) asks the
// table, and knows no stage by name.
//
// None of this is on the path of a call: a pipeline walks through concrete types (see call.go).
// It is internal so that the packages of the stages export what their users need and no more.
package stage
