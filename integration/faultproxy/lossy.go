package faultproxy

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Lossy is a proxy that knows questions from answers: what the client sends is a question, and what
// the server sends is an answer. A question whose answer is lost or withheld has been carried out.
// Until it is told otherwise, it forwards all. It is safe for concurrent use.
type Lossy struct {
	listener net.Listener
	server   string
	done     sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
	lose   int         // so many answers are still to be lost
	loseIf func() bool // of which each must be one for this; nil: any is
	turned int         // so many connections are still to be turned away
	asked  int         // likewise, once what they have sent is a question
	asks   func(sent []byte) bool
	says   string // the answer to every question, which the server does not get
	held   bool   // no answer arrives any more
	onHeld func() // called with each of those; may be nil
}

// NewLossy starts a proxy to the server's address, on a free port of 127.0.0.1. It is closed, with
// all its connections, when the test ends.
func NewLossy(t testing.TB, server string) *Lossy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &Lossy{listener: listener, server: server, open: map[net.Conn]bool{}}
	l.done.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.mu.Lock()
		l.closed = true
		for conn := range l.open {
			_ = conn.Close()
		}
		l.mu.Unlock()
		l.done.Wait()
	})
	return l
}

// Addr returns where the proxy listens, as host:port.
func (l *Lossy) Addr() string { return l.listener.Addr().String() }

// Lose loses the next n answers: each closes its connection instead.
func (l *Lossy) Lose(n int) { l.set(func() { l.lose, l.loseIf = n, nil }) }

// LoseOnceIf is Lose(1) for a server that sends more than answers: is says whether there is one
// among what it sends.
func (l *Lossy) LoseOnceIf(is func() bool) { l.set(func() { l.lose, l.loseIf = 1, is }) }

// TurnAway closes the next n connections as soon as they are there, and so sends nothing on.
func (l *Lossy) TurnAway(n int) { l.set(func() { l.turned = n }) }

// TurnAwayAsked closes the next n connections once all that the client has sent is a question. It
// sends nothing of it on.
func (l *Lossy) TurnAwayAsked(n int, is func(sent []byte) bool) {
	l.set(func() { l.asked, l.asks = n, is })
}

// Answer answers every question from now on with text, in the server's place: the server gets none.
func (l *Lossy) Answer(text string) { l.set(func() { l.says = text }) }

// Withhold keeps every answer from now on; the connections stay open. It calls each, unless that is
// nil, whenever the server has sent something.
func (l *Lossy) Withhold(each func()) { l.set(func() { l.held, l.onHeld = true, each }) }

func (l *Lossy) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *Lossy) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		if l.take(&l.turned) {
			_ = client.Close()
			continue
		}
		var dialer net.Dialer
		server, err := dialer.DialContext(context.Background(), "tcp", l.server)
		if err != nil || !l.keep(client, server) {
			_ = client.Close()
			continue
		}
		l.done.Go(func() { l.forward(server, client, l.question) })
		l.done.Go(func() { l.forward(client, server, l.answer) })
	}
}

// take reports whether n, of which it takes one, was above 0.
func (l *Lossy) take(n *int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *n == 0 {
		return false
	}
	*n--
	return true
}

func (l *Lossy) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		if l.closed {
			_ = conn.Close()
		}
		l.open[conn] = true
	}
	return !l.closed
}

// forward copies until an end is gone, or fate closes the connection, and closes both ends.
func (l *Lossy) forward(to, from net.Conn, fate func(from net.Conn, sent []byte) (pass, goOn bool)) {
	buffer := make([]byte, 64<<10)
	var sent []byte // the beginning of all
	for {
		n, err := from.Read(buffer)
		if err != nil {
			break
		}
		sent = append(sent, buffer[:min(n, cap(buffer)-len(sent))]...)
		pass, goOn := fate(from, sent)
		if !goOn {
			break
		}
		if !pass {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range []net.Conn{to, from} {
		_ = conn.Close()
		delete(l.open, conn)
	}
}

func (l *Lossy) question(client net.Conn, sent []byte) (pass, goOn bool) {
	l.mu.Lock()
	says, asked, asks := l.says, l.asked, l.asks
	l.mu.Unlock()
	switch {
	case asked > 0:
		return false, !asks(sent) || !l.take(&l.asked)
	case says == "":
		return true, true
	}
	_, err := client.Write([]byte(says))
	return false, err == nil
}

func (l *Lossy) answer(net.Conn, []byte) (pass, goOn bool) {
	l.mu.Lock()
	is := l.loseIf
	l.mu.Unlock()
	if (is == nil || is()) && l.take(&l.lose) {
		return false, false
	}
	l.mu.Lock()
	held, each := l.held, l.onHeld
	l.mu.Unlock()
	if held && each != nil {
		each()
	}
	return !held, true
}
