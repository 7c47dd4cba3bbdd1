// Package cli is the framework of the command line. From one table of commands it derives which
// command runs, what -h and help print, the hints for mistyped words, and shell completion.
package cli
