package recipes

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// mongod is a stub of a MongoDB without replicas: one collection in memory, and its answers to
// hello, insert and find.
type mongod struct {
	listener net.Listener
	conns    sync.WaitGroup

	mu       sync.Mutex
	charges  map[string]int32
	inserts  int
	onInsert func(n int) (carryOut, answer bool) // nil: true, true
}

func newMongod(t *testing.T) *mongod {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &mongod{listener: listener, charges: map[string]int32{}}
	m.conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			m.conns.Go(func() {
				defer conn.Close() //nolint:errcheck // nobody waits for it
				var err error
				for err == nil {
					err = m.serve(conn)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		m.conns.Wait() // the client is gone by then
	})
	return m
}

func (m *mongod) uri() string {
	return "mongodb://" + m.listener.Addr().String() + "/?directConnection=true"
}

// has checks how often somebody inserted, and that there is one charge only.
func (m *mongod) has(t *testing.T, inserts int, order string, amount int32) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	require.Equal(t, inserts, m.inserts)
	require.Equal(t, map[string]int32{order: amount}, m.charges)
}

const (
	opReply = 1
	opQuery = 2004 // the first hello
	opMsg   = 2013
)

// serve answers one request of conn.
func (m *mongod) serve(conn net.Conn) error {
	var head [16]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	request := make([]byte, binary.LittleEndian.Uint32(head[:])-16)
	if _, err := io.ReadFull(conn, request); err != nil {
		return err
	}
	reply := make([]byte, 16)
	copy(reply[8:], head[4:8]) // responseTo
	op := binary.LittleEndian.Uint32(head[12:])
	answer, err := m.answer(op, request)
	switch {
	case err != nil:
		return err
	case op == opQuery:
		binary.LittleEndian.PutUint32(reply[12:], opReply)
		reply = append(reply, make([]byte, 20)...)
		reply[32] = 1 // one document
	default:
		binary.LittleEndian.PutUint32(reply[12:], opMsg)
		reply = append(reply, make([]byte, 5)...) // no flags, one document
	}
	document, err := bson.Marshal(answer)
	if err != nil {
		return err
	}
	reply = append(reply, document...)
	binary.LittleEndian.PutUint32(reply, uint32(len(reply))) //nolint:gosec // it is short
	_, err = conn.Write(reply)
	return err
}

var errNoAnswer = errors.New("the answer is lost")

func (m *mongod) answer(op uint32, request []byte) (bson.D, error) {
	if op == opQuery {
		return hello(), nil
	}
	command := bson.Raw(request[5:]) // after the flags and the section's kind
	size := binary.LittleEndian.Uint32(command)
	rest := request[5+size:]
	m.mu.Lock()
	defer m.mu.Unlock()
	switch elements, _ := command[:size].Elements(); elements[0].Key() {
	case "insert":
		const head = 1 + 4 + len("documents") + 1 // of a section with documents
		return m.insert(rest[head:])
	case "find":
		filter := command[:size].Lookup("filter").Document()
		batch := bson.A{}
		if amount, ok := m.charges[filter.Lookup("_id").StringValue()]; ok && amount == filter.Lookup("amount").Int32() {
			batch = append(batch, filter)
		}
		cursor := bson.D{{Key: "id", Value: int64(0)}, {Key: "ns", Value: "shop.charges"}, {Key: "firstBatch", Value: batch}}
		return bson.D{{Key: "ok", Value: 1}, {Key: "cursor", Value: cursor}}, nil
	default:
		return hello(), nil
	}
}

func hello() bson.D {
	return bson.D{
		{Key: "ok", Value: 1},
		{Key: "ismaster", Value: true}, {Key: "isWritablePrimary", Value: true},
		{Key: "minWireVersion", Value: 0}, {Key: "maxWireVersion", Value: 21},
		{Key: "maxBsonObjectSize", Value: 16 << 20}, {Key: "maxMessageSizeBytes", Value: 48 << 20}, {Key: "maxWriteBatchSize", Value: 1000},
	}
}

func (m *mongod) insert(document bson.Raw) (bson.D, error) {
	m.inserts++
	carryOut, answer := true, true
	if m.onInsert != nil {
		carryOut, answer = m.onInsert(m.inserts)
	}
	id := document.Lookup("_id").StringValue()
	_, there := m.charges[id]
	if carryOut && !there {
		m.charges[id] = document.Lookup("amount").Int32()
	}
	switch {
	case !answer:
		return nil, errNoAnswer
	case there:
		return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 0}, {Key: "writeErrors", Value: bson.A{bson.D{
			{Key: "index", Value: 0}, {Key: "code", Value: 11000}, {Key: "errmsg", Value: "E11000 duplicate key error"},
		}}}}, nil
	}
	return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 1}}, nil
}
