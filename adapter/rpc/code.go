package rpc

import (
	"regexp"

	"github.com/media-gateway/holdfast/resilience"
)

// Code is a code of gRPC or Connect, by its number.
type Code uint32

// The codes. OK is no error.
const (
	OK Code = iota
	Canceled
	Unknown
	InvalidArgument
	DeadlineExceeded
	NotFound
	AlreadyExists
	PermissionDenied
	ResourceExhausted
	FailedPrecondition
	Aborted
	OutOfRange
	Unimplemented
	Internal
	Unavailable
	DataLoss
	Unauthenticated // the last one
)

// IsError reports whether c is the code of an error: not OK, and defined.
func (c Code) IsError() bool { return c > OK && c <= Unauthenticated }

// DependencyVerdict returns what a code says about the server. tooLarge says that a message was
// over a limit. Servers send Unknown for an error without a code, so it is Unclassified, as is a
// number that is no code. It does not allocate.
func (c Code) DependencyVerdict(tooLarge bool) resilience.Verdict {
	switch c {
	case OK:
		return resilience.Success
	case ResourceExhausted:
		if tooLarge {
			return resilience.Permanent
		}
		return resilience.Overload
	case Canceled, Unavailable, DeadlineExceeded, Internal, DataLoss:
		return resilience.Transient
	case Unknown:
		return resilience.Unclassified
	default:
		if !c.IsError() {
			return resilience.Unclassified
		}
		return resilience.Permanent
	}
}

// Verdict returns what a code means if nothing else is known of the call: DependencyVerdict, but
// Internal and DataLoss are Unclassified, a failure of the server that is not retried.
func (c Code) Verdict(tooLarge bool) resilience.Verdict {
	if c == Internal || c == DataLoss {
		return resilience.Unclassified
	}
	return c.DependencyVerdict(tooLarge)
}

// Judge corrects j, which was made from DependencyVerdict, for a retry loop: a code in retryCodes
// is Transient, and Internal and DataLoss are Permanent, since the server is expected to fail
// again. A canceled call stays canceled.
func (c Code) Judge(j resilience.Judgment, retryCodes []Code) resilience.Judgment {
	if j.Retry == resilience.Canceled {
		return j
	}
	for _, code := range retryCodes {
		if c == code {
			j.Retry = resilience.Transient
			return j
		}
	}
	if c == Internal || c == DataLoss {
		j.Retry = resilience.Permanent
	}
	return j
}

// tooLargeWords matches the texts by which implementations say that a message was too large: gRPC
// for Go, C and the languages built on it, Node; Java; .NET; connect-go; Swift. They use
// ResourceExhausted for it, which is also the code of a busy server.
var tooLargeWords = regexp.MustCompile(`(?i)` +
	`\bmessage (after decompression )?larger than max\b|` +
	`\bmessage with a size larger than\b|` +
	`\bgRPC message exceeds maximum size\b|` +
	`\bmessage exceeds the maximum configured message size\b|` +
	`\bmessage (size \d+ )?is larger than configured max\b|` +
	`\bmessage (size \d+ )?exceed(s|ed) sendMaxBytes\b|` +
	`\burl size \d+ exceeds getURLMaxBytes\b|` +
	`\bexceeded the configured maximum payload size\b`)

// SaysTooLarge reports whether the message of a ResourceExhausted says that a message was over a
// limit, which is the caller's fault, in the words of one of the known implementations.
func SaysTooLarge(message string) bool { return tooLargeWords.MatchString(message) }
