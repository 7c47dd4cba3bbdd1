package fleet

// PoolStats is what has become of one budget that the pods share.
type PoolStats struct {
	Name string `json:"name"` // of the first pipeline that it stands in

	Leased  uint64 `json:"leased"`  // tokens that this pod got from the fleet's bucket
	Given   uint64 `json:"given"`   // tokens that it gave to the bucket, and gave back
	Lost    uint64 `json:"lost"`    // tokens that it gave, and the store has not answered
	Level   int64  `json:"level"`   // tokens in the bucket, by the store's latest answer
	Refused uint64 `json:"refused"` // retries for which neither the bank nor the floor could pay, since the budget was made

	// FloorShare is this pod's part of the floor, from 0 to 1: 1 if it is whole, 0 if there is no
	// floor, or this pod had no traffic in the last ten seconds.
	FloorShare float64 `json:"floor_share"`

	Why string `json:"why,omitempty"` // what the store said about the latest request, if that failed
}

// stats returns those of all.
func (s *pools) stats() (all []PoolStats) {
	for _, p := range s.all {
		one := p.stats
		one.Refused = p.account.was.Refused
		if p.account.config.Floor > 0 && p.sharers > 0 {
			one.FloorShare = 1 / float64(p.sharers)
		}
		all = append(all, one)
	}
	return all
}
