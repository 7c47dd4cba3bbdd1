package holdfastdash

import (
	"cmp"
	"slices"

	"github.com/media-gateway/holdfast"
)

// unclassifiedOf returns how often unclassified errors occurred between the two Snapshots. It
// returns nil if there never was one.
func unclassifiedOf(was, is []holdfast.UnclassifiedStats, per func(is, was uint64) float64) *unclassifiedSample {
	if len(is) == 0 {
		return nil
	}
	before := make(map[string]uint64, len(was))
	for _, k := range was {
		before[k.What] = k.Count
	}
	s := &unclassifiedSample{}
	var grown uint64
	for _, k := range is {
		grown += growth(k.Count, before[k.What])
		s.Kinds = append(s.Kinds, kindSample{What: shown(k.What, maxKindName), Rate: per(k.Count, before[k.What]), Count: k.Count})
	}
	s.Rate = per(grown, 0)
	slices.SortStableFunc(s.Kinds, func(a, b kindSample) int { // is has the most frequent first
		return cmp.Compare(b.Rate, a.Rate)
	})
	s.More = max(0, len(s.Kinds)-namedKinds)
	s.Kinds = s.Kinds[:min(len(s.Kinds), namedKinds)]
	return s
}
