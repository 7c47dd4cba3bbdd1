// Package cli is the frame of the command line. From one table of commands it derives who runs,
// what -h and help print, what is said to whoever mistyped, and what the shells complete.
package cli
