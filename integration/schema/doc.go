// Package schema holds the JSON Schema of package config to what its parser accepts, by a validator
// that the root module does without.
package schema
