// Package agree holds the adapters against each other: the same fault means the same in all of
// them. It has no code of its own.
package agree
