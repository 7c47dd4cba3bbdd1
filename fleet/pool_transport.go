package fleet

import (
	"errors"
	"fmt"
	"time"
)

// MaxTokens is the most tokens that a bucket holds, and that one request moves.
const MaxTokens = 1_000_000_000

// PoolRequest moves whole tokens between a pod and a room's bucket. A bucket is empty until pods
// give it some, and no answer that is lost, and nothing that a store forgets, may make tokens out
// of nothing. So a store remembers each session, for Keep: its latest request, and the reply.
//
//   - The store gives a session that it does not know a ticket, which it has given to no other and
//     not to this one before. Without the session's ticket a request is not credited: what it gives
//     is lost. It may take tokens.
//   - The session's latest request once more, with the same Seq, changes nothing, and has the same
//     Granted and Accepted: a client of the store has sent it twice.
//   - One with a lower Seq changes nothing. What it gives is lost, and it is granted nothing.
type PoolRequest struct {
	Session string // of one pod, which has another one each time it starts; 1 to MaxPod bytes
	Seq     int64  // grows with each request of the session; 1 to 2^53
	Ticket  int64  // of the latest reply; 0 if there was none

	Give int64 // tokens for the bucket, which the pod no longer has; 0 to MaxTokens
	Take int64 // tokens that the pod asks for; 0 to MaxTokens
	Cap  int64 // the most that the bucket may hold; if it holds more, the rest is lost; 0 to MaxTokens

	Keep time.Duration // after which a bucket or session that was not asked for is forgotten
}

// PoolReply is what came of a PoolRequest.
type PoolReply struct {
	Ticket   int64 // of the session; 1 to 2^53
	Granted  int64 // of Take, those that the pod has now and the bucket no longer has
	Accepted int64 // of Give, those that are gone; the pod keeps the others, for which there was no room
	Level    int64 // tokens in the bucket after that
}

// maxSeq is the greatest whole number that every store counts to exactly.
const maxSeq = 1 << 53

// Check returns why r cannot be carried out, with every field that is wrong. Else it returns nil.
func (r *PoolRequest) Check() error {
	var wrong []error
	if n := len(r.Session); n < 1 || n > MaxPod {
		wrong = append(wrong, fmt.Errorf("fleet: the session's name has %d bytes; want 1 to %d", n, MaxPod))
	}
	if r.Seq < 1 || r.Seq > maxSeq {
		wrong = append(wrong, fmt.Errorf("fleet: Seq is %d; want 1 to %d", r.Seq, int64(maxSeq)))
	}
	if r.Ticket < 0 || r.Ticket > maxSeq {
		wrong = append(wrong, fmt.Errorf("fleet: Ticket is %d; want 0 to %d", r.Ticket, int64(maxSeq)))
	}
	for _, f := range [...]struct {
		name   string
		tokens int64
	}{{"Give", r.Give}, {"Take", r.Take}, {"Cap", r.Cap}} {
		if f.tokens < 0 || f.tokens > MaxTokens {
			wrong = append(wrong, fmt.Errorf("fleet: %s is %d; want 0 to %d tokens", f.name, f.tokens, MaxTokens))
		}
	}
	return errors.Join(wrong...)
}

// trusted returns the reply with numbers that a reply to r can have, whatever the store says.
func (r *PoolRequest) trusted(reply PoolReply) PoolReply {
	if reply.Ticket < 0 || reply.Ticket > maxSeq {
		reply.Ticket = 0
	}
	return PoolReply{
		Ticket:   reply.Ticket,
		Granted:  min(max(reply.Granted, 0), r.Take),
		Accepted: min(max(reply.Accepted, 0), r.Give),
		Level:    min(max(reply.Level, 0), r.Cap),
	}
}
