// Package fleettest checks that a Transport of your own keeps the contract of package
// fleet. Call it from a test:
//
//	func TestTransport(t *testing.T) {
//		fleettest.Check(t, func() fleet.Transport { return NATS(connection, bucket) })
//	}
//
// It takes a few seconds, as it waits until cells and leases end. Run it with -race as well.
package fleettest
