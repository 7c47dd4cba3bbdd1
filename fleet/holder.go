package fleet

// holderOf returns who holds the lease: by what the pod has heard, and by what it has done since.
func holderOf(heard, pod string, probes bool) string {
	switch {
	case probes:
		return pod
	case heard == pod: // it has just given it back
		return ""
	}
	return heard[:min(len(heard), MaxPod)]
}
