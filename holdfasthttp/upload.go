package holdfasthttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"
)

// upload is the body of one attempt. It records an error of the body, which is the caller's fault
// and says nothing about the server, and the progress of the upload.
type upload struct {
	stall time.Duration // of WithUploadStall; 0: progress is not recorded

	mu   sync.Mutex
	body io.ReadCloser
	err  error
	turn int       // how often the base has begun to send it again
	last time.Time // when the base last read from it
	done time.Time // when it ended; zero before
}

// newUpload returns nil if there is nothing to record of the body from that source.
func (c *call) newUpload(body io.ReadCloser, source io.Reader) *upload {
	if source == nil || c.uploadStall == 0 && reliable(source) {
		return nil
	}
	return &upload{stall: c.uploadStall, body: body, last: time.Now()}
}

func (u *upload) Read(p []byte) (int, error) { return u.read(0, u.body, p) }

func (u *upload) Close() error { return u.close(0, u.body) }

func (u *upload) read(turn int, body io.Reader, p []byte) (int, error) {
	u.note(turn, nil, false)
	n, err := body.Read(p)
	u.note(turn, err, err != nil)
	return n, err
}

func (u *upload) close(turn int, body io.Closer) error {
	u.note(turn, nil, true)
	return body.Close()
}

// note records what happened to the body when it was sent for the given turn. Only the progress of
// the last turn counts: the base may close an earlier body late.
func (u *upload) note(turn int, err error, ended bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil && !errors.Is(err, io.EOF) && u.err == nil {
		u.err = err
	}
	if u.stall == 0 || turn != u.turn {
		return
	}
	u.last = time.Now()
	if ended && u.done.IsZero() {
		u.done = u.last
	}
}

// again begins a new turn: the base sends the body once more.
func (u *upload) again() (turn int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.turn++
	u.last, u.done = time.Now(), time.Time{}
	return u.turn
}

// timed returns u if WithUploadStall is on, else nil.
func (u *upload) timed() *upload {
	if u == nil || u.stall == 0 {
		return nil
	}
	return u
}

// failed reports whether err is, or wraps, the error of the body.
func (u *upload) failed(err error) bool {
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err != nil && errors.Is(err, u.err)
}

// left returns how long the attempt may still wait. Before the body is sent, that is stall after
// the last read; then it is limit after the body was sent, for the response headers.
func (u *upload) left(limit time.Duration) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.done.IsZero() {
		return time.Until(u.last.Add(u.stall))
	}
	return time.Until(u.done.Add(limit))
}

// replay returns a GetBody for a base that sends the body again by itself.
func (u *upload) replay(getBody func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	if getBody == nil {
		return nil
	}
	return func() (io.ReadCloser, error) {
		body, err := getBody()
		if err != nil {
			u.note(0, err, false)
			return nil, err
		}
		return &replayed{u, u.again(), body}, nil
	}
}

// replayed is the body that a base reads when it sends an upload again.
type replayed struct {
	upload *upload
	turn   int
	body   io.ReadCloser
}

func (r *replayed) Read(p []byte) (int, error) { return r.upload.read(r.turn, r.body, p) }
func (r *replayed) Close() error               { return r.upload.close(r.turn, r.body) }

var (
	nopCloser         = reflect.TypeOf(io.NopCloser(nil))
	nopCloserWriterTo = reflect.TypeOf(io.NopCloser(bytes.NewReader(nil)))
)

// sourceOf returns what a body is read from: the reader in an io.NopCloser, or body itself; nil if
// body is empty.
func sourceOf(body io.ReadCloser) io.Reader {
	if isEmpty(body) {
		return nil
	}
	return unwrapped(body)
}

func unwrapped(body io.Reader) io.Reader {
	if t := reflect.TypeOf(body); t == nopCloser || t == nopCloserWriterTo {
		if inner, ok := reflect.ValueOf(body).Field(0).Interface().(io.Reader); ok {
			return unwrapped(inner)
		}
	}
	return body
}

// lengthOf returns how much is left to read of a source in memory.
func lengthOf(source io.Reader) (length int64, known bool) {
	switch s := source.(type) {
	case *bytes.Reader:
		return int64(s.Len()), true
	case *bytes.Buffer:
		return int64(s.Len()), true
	case *strings.Reader:
		return int64(s.Len()), true
	}
	return 0, false
}

// reliable reports whether a source cannot fail, or fails with an error that is clearly its own.
// Its body is not wrapped, since net/http sends the original with fewer packets or without copying.
func reliable(source io.Reader) bool {
	switch source.(type) {
	case *bytes.Reader, *bytes.Buffer, *strings.Reader, *os.File:
		return true
	}
	return false
}

// kept is a body without GetBody. WithBodyBuffer keeps its beginning in memory.
type kept struct {
	body io.ReadCloser
	once sync.Once // closes body
	task *task
	buf  []byte
	err  error // nil if there is more than buf
}

func keep(body io.ReadCloser, limit int) *kept {
	k := &kept{body: body}
	k.task = start(func() {
		k.err = io.ErrUnexpectedEOF // if Read panics
		k.buf, k.err = io.ReadAll(io.LimitReader(body, int64(limit)+1))
		if k.err == nil && len(k.buf) <= limit {
			k.err = io.EOF
		}
	})
	return k
}

// whole reports whether all of the body is kept.
func (k *kept) whole() bool { return k.task.over() && k.err == io.EOF } //nolint:errorlint // set above

// Close closes the body, at most once. The base also calls it, if the body is longer than what is
// kept.
func (k *kept) Close() error {
	var err error
	k.once.Do(func() { err = k.body.Close() })
	return err
}

// letGo closes the body, even if a read of it is still in progress.
func (k *kept) letGo() {
	if k.task.over() {
		_ = k.Close()
		return
	}
	closeSoon(k)
}

// open returns the body for an attempt.
func (k *kept) open(ctx context.Context) (io.ReadCloser, error) {
	if !k.task.wait(ctx, 0) {
		return nil, context.Cause(ctx)
	}
	switch {
	case k.whole():
		return io.NopCloser(bytes.NewReader(k.buf)), nil
	case k.err != nil:
		return nil, k.err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(k.buf), k.body), k}, nil
}

// oneTime is an empty body that cannot be sent again: see preventRepeats.
type oneTime struct{}

func (oneTime) Read([]byte) (int, error) { return 0, io.EOF }
func (oneTime) Close() error             { return nil }
