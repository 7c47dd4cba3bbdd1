// Package resilience is the contract that every part of Holdfast keeps: what a protected call is
// ([Func]), what decorates it ([Policy], [Guard]), what its error means ([Verdict], [Classify]),
// and what is reported about it ([Event], [Observer]).
//
// It depends on the standard library alone and knows no stage. A library that wants to be usable
// with Holdfast, without depending on all of it, needs this package only: give an error a method
// Verdict() [Verdict], or implement [Guard] or [Observer] and check that with package policytest.
//
// The verdict is the one idea that all stages share. [Assess] judges an error together with the ctx
// of its call, and the retry loop, the breaker and the budget all go by its answer:
//
//	Verdict       comes from                                     retried  breaker      budget
//	Success       a nil error                                    -        success      a success deposits (see package budget)
//	Transient     network errors, timeouts, a ctx that ran out   yes      failure      a retry withdraws its price
//	Overload      "slow down", with or without a retry-after     yes      failure      a retry withdraws its price
//	Permanent     what somebody has said is the caller's fault   no       success      -
//	Canceled      the caller gave up                             no       not counted  -
//	Rejected      refused here, before the dependency was asked  no       not counted  -
//	Unclassified  nobody has said what the error means           no       failure      -
//
// What is not known counts as the worse case: an error that nobody has classified may be an outage,
// and a call whose answer was lost may have been carried out ([MarkOnce], [ErrOutcomeUnknown]).
//
// [Classify] knows errors by their structure: the standard library's, and the codes of the
// protocols that most clients speak, without an import of any client. docs/errors.md has the
// details.
package resilience
