package holdfastredis

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Replies of a server, as they go over the wire.
const (
	ok        = "+OK\r\n"
	queued    = "+QUEUED\r\n"
	null      = "$-1\r\n"
	hangUp    = ""     // the connection is closed instead
	silence   = "\x00" // nothing is answered
	loading   = "-LOADING Redis is loading the dataset in memory\r\n"
	wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
)

func integer(n int) string { return ":" + strconv.Itoa(n) + "\r\n" }

// server implements enough of Redis's protocol for the tests. Its script returns its replies.
type server struct {
	listener net.Listener
	script   func(command string, nth int) string // the nth command of that name, from 1

	mu   sync.Mutex
	seen map[string]int
	open map[net.Conn]bool
	wg   sync.WaitGroup
}

func newServer(t *testing.T, script func(command string, nth int) string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{listener: listener, script: script, seen: map[string]int{}, open: map[net.Conn]bool{}}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		s.mu.Lock()
		for conn := range s.open {
			_ = conn.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

// newPipedServer returns a server that works in a synctest bubble: clients have to connect by its
// dial.
func newPipedServer(script func(command string, nth int) string) *server {
	return &server{script: script, seen: map[string]int{}, open: map[net.Conn]bool{}}
}

// dial is a Dialer of a client. The connection is a pipe, which the client has to close.
func (s *server) dial(context.Context, string, string) (net.Conn, error) {
	client, conn := net.Pipe()
	s.wg.Go(func() { s.serve(conn) })
	return client, nil
}

func (s *server) addr() string { return s.listener.Addr().String() }

// count returns how many commands with that name the server has received.
func (s *server) count(command string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[command]
}

// slots returns a row of the reply to CLUSTER SLOTS: those that s has.
func (s *server) slots(from, to int) string {
	at := s.listener.Addr().(*net.TCPAddr)
	host := at.IP.String()
	return fmt.Sprintf("*3\r\n:%d\r\n:%d\r\n*3\r\n$%d\r\n%s\r\n:%d\r\n$2\r\nid\r\n", from, to, len(host), host, at.Port)
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[conn] = true
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(conn) })
	}
}

func (s *server) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.open, conn)
		s.mu.Unlock()
	}()
	in := bufio.NewReader(conn)
	for {
		command, err := readCommand(in)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.seen[command]++
		nth := s.seen[command]
		s.mu.Unlock()
		reply := s.script(command, nth)
		switch reply {
		case hangUp:
			return
		case silence:
			continue
		}
		if _, err := conn.Write([]byte(reply)); err != nil {
			return
		}
	}
}

// healthy is the script of a healthy server.
func healthy(command string, nth int) string {
	switch command {
	case "hello":
		return "%1\r\n$5\r\nproto\r\n:3\r\n"
	case "get":
		return null
	case "incr":
		return integer(nth)
	}
	return ok
}

// troubled returns a script whose first replies to a command are the given ones.
func troubled(command string, first ...string) func(string, int) string {
	return func(name string, nth int) string {
		if name == command && nth <= len(first) {
			return first[nth-1]
		}
		return healthy(name, nth)
	}
}

// readCommand reads an array of bulk strings and returns the first one, in lower case.
func readCommand(in *bufio.Reader) (string, error) {
	var n int
	if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil {
		return "", err
	}
	args := make([]string, n)
	for i := range args {
		var size int
		if _, err := fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
			return "", err
		}
		arg := make([]byte, size+2)
		if _, err := io.ReadFull(in, arg); err != nil {
			return "", err
		}
		args[i] = string(arg[:size])
	}
	return strings.ToLower(args[0]), nil
}
