// Package holdfastfleet lets the pods of a service act as one, through a store such as Redis.
package holdfastfleet
