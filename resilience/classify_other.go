//go:build !unix && !js && !wasip1 && !windows

package resilience

// brokenConnection knows no error numbers on this system.
func brokenConnection(error) bool { return false }
