package holdfastpgx_test

import (
	"context"

	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// A server implements enough of PostgreSQL's protocol for simple queries, and fails as its faults
// say. It works in a synctest bubble, since its connections are pipes.
type server struct {
	mu         sync.Mutex
	faults     map[string][]fault // by the first word of a statement, "connect" and "dial"; each used once
	statements []string           // what was received, by the first word
	sessions   int
}

type fault func(*session)

// session is the server's end of a connection.
type session struct {
	*pgproto3.Backend
	conn net.Conn
}

func (s *session) send(messages ...pgproto3.BackendMessage) {
	for _, m := range messages {
		s.Send(m)
	}
	_ = s.Flush() // a client that is gone shows at the next Receive
}

// die closes the connection before there was an answer.
func die(s *session) { _ = s.conn.Close() }

// hang never answers.
func hang(*session) {}

// fails answers with an error and stays.
func fails(state string) fault {
	return func(s *session) {
		s.send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: state}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
}

// abort answers with an error within a transaction.
func abort(state string) fault {
	return func(s *session) {
		s.send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: state}, &pgproto3.ReadyForQuery{TxStatus: 'E'})
	}
}

// stale answers as the server does when a prepared statement no longer fits its tables.
func stale(s *session) {
	s.send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "0A000", Routine: "RevalidateCachedQuery"},
		&pgproto3.ReadyForQuery{TxStatus: 'I'})
}

// fatal answers with an error and ends the session.
func fatal(state string) fault {
	return func(s *session) {
		s.send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: state})
		_ = s.conn.Close()
	}
}

// newPool returns a pool to a server with the given faults.
func newPool(t testing.TB, faults map[string][]fault) (*server, *pgxpool.Pool) {
	t.Helper()
	s := &server{faults: faults}
	pool, err := s.open(t.Context())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return s, pool
}

// open returns a pool to s.
func (s *server) open(ctx context.Context) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig("host=server user=tester database=test sslmode=disable pool_max_conns=4")
	if err != nil {
		return nil, err
	}
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	config.ConnConfig.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.ConnConfig.DialFunc = s.dial
	return pgxpool.NewWithConfig(ctx, config)
}

func (s *server) dial(context.Context, string, string) (net.Conn, error) {
	if s.next("dial") != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	client, conn := net.Pipe()
	go s.serve(&session{pgproto3.NewBackend(conn, conn), conn})
	return client, nil
}

// next returns the next fault.
func (s *server) next(what string) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := s.faults[what]
	if len(due) == 0 {
		return nil
	}
	s.faults[what] = due[1:]
	return due[0]
}

func (s *server) serve(c *session) {
	defer die(c)
	startup, err := c.ReceiveStartupMessage()
	if _, ok := startup.(*pgproto3.StartupMessage); err != nil || !ok { // or a request to cancel
		return
	}
	s.mu.Lock()
	s.sessions++
	s.mu.Unlock()
	if misbehave := s.next("connect"); misbehave != nil {
		misbehave(c)
		return
	}
	c.send(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"},
		&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"},
		&pgproto3.BackendKeyData{SecretKey: []byte{0, 0, 0, 0}}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	status := byte('I')
	for {
		message, err := c.Receive()
		if err != nil {
			return
		}
		query, ok := message.(*pgproto3.Query)
		if !ok {
			return // Terminate
		}
		word, _, _ := strings.Cut(query.String, " ")
		s.mu.Lock()
		s.statements = append(s.statements, word)
		s.mu.Unlock()
		if misbehave := s.next(word); misbehave != nil {
			misbehave(c)
			continue
		}
		switch word {
		case "begin":
			status = 'T'
		case "commit", "rollback":
			status = 'I'
		}
		if word == "select" && query.String != "select nothing" {
			c.send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("n"), DataTypeOID: 23, DataTypeSize: 4}}},
				&pgproto3.DataRow{Values: [][]byte{[]byte("42")}})
		}
		c.send(&pgproto3.CommandComplete{CommandTag: []byte(strings.ToUpper(word))}, &pgproto3.ReadyForQuery{TxStatus: status})
	}
}

// seen returns the first words of the received statements, except the pings of the pool.
func (s *server) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var words []string
	for _, word := range s.statements {
		if word != "--" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func (s *server) opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions
}
