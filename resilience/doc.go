// Package resilience is the contract that every part of Holdfast keeps: what a
// protected call is ([Func]), what decorates it ([Policy], [Guard]), what its error
// means ([Verdict], [Classify]), and what is told about it ([Event], [Observer]).
//
// It depends on the standard library alone and knows no stage. A library that wants to
// be usable with Holdfast, without depending on all of it, needs this package only:
// give an error a method Verdict() [Verdict], or implement [Guard] or [Observer] and
// check the work with package policytest.
//
// The verdict is the one idea that all stages share. It is decided once, by a
// [Classifier], and read alike by the retry loop, the breaker and the budget:
//
//	Verdict    comes from                                   retried  breaker      budget
//	Success    a nil error                                  -        success      the first attempt's success deposits
//	Transient  network errors, timeouts of one attempt      yes      failure      a retry withdraws 1
//	Overload   "slow down", with or without a retry-after   yes      failure      a retry withdraws 1
//	Permanent  the caller's fault, and every unknown error  no       success      -
//	Canceled   the caller gave up                           no       not counted  -
//	Rejected   refused here, before the dependency was asked  no     not counted  -
package resilience
