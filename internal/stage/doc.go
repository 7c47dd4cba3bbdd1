// Package stage has the table of the built-in stages. Each package of a stage registers a Spec, in
// its file stage.go: the stage's name, its settings in force, what an update keeps of it, and how
// it reads in a row. Code that deals with stages in general (the pipeline, its linter, a
// configuration file) asks the table, and knows no stage by name.
//
// None of this is on the path of a call: a pipeline uses concrete types there (see call.go). The
// table is internal, so that the packages of the stages export only what their users need.
package stage
