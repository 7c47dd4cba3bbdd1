// Package examples holds programs that show Holdfast at work against real parts. Each runs
// by itself and ends within two seconds:
//
//	go run ./examples/payment        a payment service that fails, recovers, and fails again
//	go run ./examples/sharedbudget   two endpoints of one dependency on one retry budget
//	go run ./examples/customguard    a Guard of your own as a stage
//	go run ./examples/observe        what a pipeline tells a log
package examples
