package resilience

import (
	"reflect"
	"strings"
)

// mongoVerdict judges an error of MongoDB's driver by its labels, which the server or the driver
// sets, and if it has none of these, by the server's error codes.
func mongoVerdict(err interface{ HasErrorLabel(string) bool }) Verdict {
	if err.HasErrorLabel("SystemOverloadedError") {
		return Overload
	}
	for _, label := range [...]string{
		"RetryableWriteError", "RetryableError", "TransientTransactionError", "NetworkError",
	} {
		if err.HasErrorLabel(label) {
			return Transient
		}
	}
	e, ok := err.(interface{ HasErrorCode(int) bool })
	if !ok {
		return Unclassified
	}
	for _, code := range [...]int{
		6, 7, 89, 9001, // a host out of reach, the network
		91, 189, 10107, 11600, 11602, 13435, 13436, // shut down, stepped down, no primary
		50, 262, 112, 134, 24, // a time limit, a conflict of writes, a read concern not yet met, a lock
	} {
		if e.HasErrorCode(code) {
			return Transient
		}
	}
	for _, code := range [...]int{
		11000, 11001, 12582, 121, // duplicate keys, a document that is not valid
		2, 9, 14, 26, 59, 40415, 13, 18, 8000, // values, syntax, names, permissions
	} {
		if e.HasErrorCode(code) {
			return Permanent
		}
	}
	return Unclassified
}

// redisVerdict judges a reply of Redis, whose first word is a code.
func redisVerdict(reply string) Verdict {
	word, rest, _ := strings.Cut(reply, " ")
	switch word {
	case "LOADING", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "READONLY", "NOREPLICAS", "MOVED", "ASK":
		return Transient
	case "WRONGTYPE", "NOAUTH", "WRONGPASS", "NOPERM", "NOSCRIPT", "EXECABORT", "CROSSSLOT",
		"BUSYGROUP", "BUSYKEY", "NOGROUP", "UNKILLABLE", "NOPROTO":
		return Permanent
	case "redis:": // go-redis' own
		switch rest {
		case "nil":
			return Permanent
		case "transaction failed": // a key that was watched has changed
			return Transient
		}
	case "ERR":
		for _, prefix := range [...]string{
			"unknown ", "wrong number of arguments", "syntax error", "value is not", "invalid ", "no such key",
		} {
			if strings.HasPrefix(rest, prefix) {
				return Permanent
			}
		}
		if strings.HasPrefix(rest, "max number of clients") {
			return Overload
		}
	}
	return Unclassified
}

// isKafka reports whether v is an error code of Kafka's protocol: a number with a Title, as in
// kafka-go, or a number whose text says so, as in sarama.
func isKafka(v reflect.Value) bool {
	if !v.CanInt() {
		return false
	}
	if _, ok := v.Interface().(interface {
		Title() string
		Description() string
		Temporary() bool
	}); ok {
		return true
	}
	err, ok := v.Interface().(error)
	return ok && strings.HasPrefix(err.Error(), "kafka server: ")
}

func kafkaVerdict(code int64, err error) Verdict {
	e, ok := err.(interface{ Temporary() bool }) //nolint:errorlint // one step of the walk
	return kafkaCodeVerdict(code, ok && e.Temporary())
}

// kafkaCodeVerdict judges a code of Kafka's protocol. The protocol says of each whether it is
// retriable, and the client may know codes that are newer.
func kafkaCodeVerdict(code int64, retriable bool) Verdict {
	switch code {
	case 89: // THROTTLING_QUOTA_EXCEEDED
		return Overload
	case 3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 88, // retriable
		2,      // a message that was damaged on its way
		25, 27, // a member that has to join again, a rebalance
		60: // partitions on their way to other brokers
		return Transient
	case 1, 4, 10, 12, 17, 18, 21, 24, 26, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 42, 43,
		44, 45, 47, 48, 49, 50, 53, 54, 55, 58, 65, 66, 67, 68, 69, 76, 87: // the caller's fault
		return Permanent
	}
	if retriable {
		return Transient
	}
	return Unclassified
}
