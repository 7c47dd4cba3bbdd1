package advice

import "github.com/media-gateway/holdfast/resilience"

// BankOf returns the Bank of the budget that p is, or false if p is none. It returns the same Bank
// for the same budget, by ==. Package budget sets it in an init, and nothing changes it after that.
var BankOf = func(resilience.Policy) (b Bank, ok bool) { return nil, false }

// Bank is where a fleet moves whole tokens into a budget and out of it. It makes none. It is safe
// for concurrent use, and no call waits for it longer than for another call.
type Bank interface {
	// Put adds up to so many tokens, as far as whole ones have room below Burst. It returns how
	// many it has added: none if the number is below 1.
	Put(tokens int64) (put int64)

	// Take takes out up to so many tokens, as far as the bank has whole ones. It returns how many
	// it has taken: none if the number is below 1.
	Take(tokens int64) (taken int64)

	// ShareFloor makes the floor save one of so many parts of Config.Floor. With 1 it is whole, as
	// without a fleet. With 0 it saves nothing more, and keeps the price of one retry at most.
	ShareFloor(sharers uint64)
}
