package fleet

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"
)

// orderProtocol is the version of orders, their first byte.
const orderProtocol = 1

// Orders of one service compete for two slots of its room.
const (
	slotState = iota // Isolate, Reset, and what takes an Isolate back
	slotRatio        // Tune, and what takes it back
	orderSlots
)

const nonceSize = 16

// signed is an order as it is signed and stored:
//
//	version, kind (with withdrawFlag)   1 byte each
//	issued                              8 bytes, nanoseconds since 1970 by the issuer's clock
//	nonce                               16 random bytes
//	ratio                               8 bytes, IEEE 754
//	lasts                               milliseconds, varint
//	by, why                             each a length, varint, and text
//	signature                           32 bytes
//
// The signature is HMAC-SHA256 over a fixed text, the names of fleet and service with their
// lengths, and all that stands before it. What may be compared is compared by issued and nonce: of
// two orders in a slot the one issued later holds.
type signed struct {
	kind      OrderKind
	withdrawn bool // it takes back the one of its kind
	issued    int64
	nonce     [nonceSize]byte
	ratio     float64
	lasts     time.Duration
	by, why   string
}

const withdrawFlag = 0x80

// slot returns the slot for which the order competes.
func (s *signed) slot() int {
	if s.kind == OrderTune {
		return slotRatio
	}
	return slotState
}

// what returns "isolate", "reset", "tune", "withdraw isolate" or "withdraw tune".
func (s *signed) what() string {
	if s.withdrawn {
		return "withdraw " + s.kind.String()
	}
	return s.kind.String()
}

// newer reports whether s was issued later than o.
func (s *signed) newer(o *signed) bool {
	if s.issued != o.issued {
		return s.issued > o.issued
	}
	return bytes.Compare(s.nonce[:], o.nonce[:]) > 0
}

// sign returns the order in bytes, signed with the key, at most MaxOrder of them.
func (s *signed) sign(key []byte, fleet, service string) []byte {
	kind := byte(s.kind)
	if s.withdrawn {
		kind |= withdrawFlag
	}
	b := make([]byte, 0, MaxOrder)
	b = append(b, orderProtocol, kind)
	b = binary.BigEndian.AppendUint64(b, uint64(s.issued))
	b = append(b, s.nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(s.ratio))
	b = binary.AppendUvarint(b, uint64(s.lasts.Milliseconds()))
	for _, text := range [...]string{s.by, s.why} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return append(b, signature(key, fleet, service, b)...)
}

// signature returns that of an order's other bytes.
func signature(key []byte, fleet, service string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	header := []byte("holdfast fleet order\x00")
	for _, name := range [...]string{fleet, service} {
		header = binary.AppendUvarint(header, uint64(len(name)))
		header = append(header, name...)
	}
	mac.Write(header)
	mac.Write(body)
	return mac.Sum(nil)
}

// open returns the order that data is, if it is signed with one of the keys for this service.
func open(keys [][]byte, fleet, service string, data []byte) (s signed, ok bool) {
	body := len(data) - sha256.Size
	if body < 0 || len(data) > MaxOrder {
		return signed{}, false
	}
	for _, key := range keys {
		if hmac.Equal(signature(key, fleet, service, data[:body]), data[body:]) {
			return decodeOrder(data[:body])
		}
	}
	return signed{}, false
}

// decodeOrder reads an order without its signature. It refuses what no Fleet signs, whoever signed
// it.
func decodeOrder(body []byte) (s signed, ok bool) {
	const fixed = 2 + 8 + nonceSize + 8
	if len(body) < fixed || body[0] != orderProtocol {
		return signed{}, false
	}
	s.kind, s.withdrawn = OrderKind(body[1]&^withdrawFlag), body[1]&withdrawFlag != 0
	s.issued = int64(binary.BigEndian.Uint64(body[2:]))
	copy(s.nonce[:], body[10:])
	s.ratio = math.Float64frombits(binary.BigEndian.Uint64(body[10+nonceSize:]))
	r := reader{rest: body[fixed:]}
	s.lasts = time.Duration(r.number(uint64(maxFor.Milliseconds()))) * time.Millisecond
	s.by, s.why = r.text(maxBy), r.text(maxWhy)
	switch {
	case r.bad, len(r.rest) > 0, s.lasts < minFor, s.by == "", s.why == "":
		return signed{}, false
	case !s.kind.known(), s.kind == OrderReset && s.withdrawn:
		return signed{}, false
	}
	if s.kind == OrderTune && !s.withdrawn {
		ok = validRatio(s.ratio)
	} else {
		ok = s.ratio == 0
	}
	if !ok {
		return signed{}, false
	}
	return s, true
}

// text reads a length of at most most, and so many bytes.
func (r *reader) text(most uint64) string {
	n := r.number(most)
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}

// newNonce returns random bytes.
func newNonce() (n [nonceSize]byte) {
	_, _ = rand.Read(n[:]) // never fails: see its documentation
	return n
}
