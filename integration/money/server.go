//go:build unix

package money

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/suite"
)

// Program returns the path of a server's program, the newest of those that match, or skips the
// test: it is one that a test may start, kill and stop as it likes, unlike the server that
// everybody uses.
func Program(t *testing.T, name string, patterns ...string) string {
	t.Helper()
	if !suite.Nightly() {
		t.Skip("starts and kills a server of its own, which takes a while; set HOLDFAST_NIGHTLY=1")
	}
	var found []string
	for _, pattern := range patterns {
		matches, err := filepath.Glob(pattern)
		require.NoError(t, err)
		found = append(found, matches...)
	}
	slices.Sort(found)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if os.Getenv("HOLDFAST_REQUIRE_SERVICES") == "1" {
		t.Fatalf("no %s: install the server's package", name)
	}
	t.Skipf("no %s: install the server's package", name)
	return ""
}

// As is the account under which a server is started: root may not start PostgreSQL.
type As struct {
	t    *testing.T
	cred *syscall.Credential
}

// Account returns the account of that name if the test runs as root, else the test's own.
func Account(t *testing.T, name string) As {
	t.Helper()
	if os.Geteuid() != 0 {
		return As{t, nil}
	}
	u, err := user.Lookup(name)
	require.NoError(t, err)
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	require.NoError(t, err)
	return As{t, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// Dir returns a directory that the account can write to. It is removed when the test ends.
func (a As) Dir() string {
	a.t.Helper()
	dir, err := os.MkdirTemp("/tmp", "holdfast")
	require.NoError(a.t, err)
	a.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if a.cred != nil {
		require.NoError(a.t, os.Chown(dir, int(a.cred.Uid), int(a.cred.Gid)))
	}
	return dir
}

// Command returns a command of the account's.
func (a As) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/tmp"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.cred, Setpgid: true}
	return cmd
}

// Run runs a command of the account's to its end.
func (a As) Run(name string, args ...string) {
	a.t.Helper()
	cmd := a.Command(name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(a.t, cmd.Run(), "%s %v: %s", name, args, &out)
}

// Port returns a TCP port that is free now.
func Port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // only its number matters
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// Children returns the processes that pid started.
func Children(pid int) (children []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		var child, parent int
		var state string
		rest := string(text[bytes.LastIndexByte(text, ')')+1:])
		if _, err := fmt.Sscan(rest, &state, &parent); err != nil || parent != pid {
			continue
		}
		if _, err := fmt.Sscan(strings.SplitN(string(text), " ", 2)[0], &child); err == nil {
			children = append(children, child)
		}
	}
	return children
}
