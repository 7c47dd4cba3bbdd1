// Package ratelimit bounds how many calls begin in a second, for a dependency that counts them: an
// API with a quota, a partner who sends a bill, a server that answers 429.
//
// A Limiter is a bucket of tokens (golang.org/x/time/rate). Each call takes one. Tokens come at a
// fixed rate, and the bucket holds a burst of them. A call that finds none is refused, or waits in
// line, first come first served. It waits only if its token comes in time: before MaxWait is over,
// and before its ctx's deadline. Otherwise it is refused at once, and the error says when a token
// comes.
//
// A call that waits has reserved nothing: it takes its token when it begins. So a call that leaves
// the line costs those behind it nothing, a change of the rate holds for all that wait, and a
// refusal takes no token. Reservations of x/time/rate do none of the three (golang/go issues 56924
// and 69419).
package ratelimit
