package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// trial tries mutants, and counts what became of them.
type trial struct {
	packages []listed
	limit    time.Duration
	known    map[string]string
	out      io.Writer

	mu               sync.Mutex
	noticed, unbuilt int
	excused          []*mutant
	survived         []*mutant
	err              error // the first that kept a mutant from being tried
}

// withoutMistakes returns an error if the tests fail as the code is: they would notice anything.
func (t *trial) withoutMistakes() error {
	arguments := []string{"test", "-timeout=" + t.limit.String()}
	for _, p := range t.packages {
		arguments = append(arguments, p.ImportPath)
	}
	if text, err := t.command(arguments...); err != nil {
		return fmt.Errorf("the tests fail without any mistake: %w\n%s", err, text)
	}
	return nil
}

// all tries mutants until as many of them as the sample has could be built, or the time is over.
func (t *trial) all(mutants []*mutant, o options) error {
	next, began := make(chan *mutant), time.Now()
	var wg sync.WaitGroup
	for range o.workers {
		wg.Go(func() {
			for m := range next {
				t.one(m)
			}
		})
	}
	for _, m := range mutants {
		if t.tried() >= o.sample || t.failed() != nil || time.Since(began) >= o.atMost {
			break
		}
		next <- m
	}
	close(next)
	wg.Wait()
	return t.failed()
}

func (t *trial) tried() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.noticed + len(t.survived) + len(t.excused)
}

func (t *trial) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *trial) one(m *mutant) {
	built, noticed, err := t.try(m)
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.known[m.id()]
	switch {
	case err != nil:
		t.err = err
	case !built:
		t.unbuilt++
	case noticed:
		t.noticed++
	case known:
		t.excused = append(t.excused, m)
	default:
		t.survived = append(t.survived, m)
		fmt.Fprintln(t.out, "survived:", m)
	}
}

func (t *trial) try(m *mutant) (built, noticed bool, err error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return false, false, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := m.overlay(dir)
	if err != nil {
		return false, false, err
	}
	built = t.passes("build", "-overlay="+overlay, m.pkg) &&
		t.passes("vet", "-overlay="+overlay, "-unreachable=false", m.pkg)
	return built, built && !t.testsPass(overlay, m), nil
}

// overlay writes the mutant to dir, and returns the file that tells the compiler to take it.
func (m *mutant) overlay(dir string) (string, error) {
	source, err := m.source()
	if err != nil {
		return "", err
	}
	file, overlay := filepath.Join(dir, filepath.Base(m.file)), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, source, 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {m.file: file}})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// testsPass runs the tests of the mutant's package first, since most mistakes are noticed there,
// and then those of the packages that build on it.
func (t *trial) testsPass(overlay string, m *mutant) bool {
	test := []string{"test", "-overlay=" + overlay, "-count=1", "-failfast", "-timeout=" + t.limit.String()}
	if !t.passes(append(slices.Clone(test), m.pkg)...) {
		return false
	}
	others := slices.Clone(test)
	for _, p := range t.packages {
		if p.ImportPath != m.pkg && (slices.Contains(p.Deps, m.pkg) || slices.Contains(p.TestImports, m.pkg) || slices.Contains(p.XTestImports, m.pkg)) {
			others = append(others, p.ImportPath)
		}
	}
	return len(others) == len(test) || t.passes(others...)
}

func (t *trial) passes(arguments ...string) bool {
	_, err := t.command(arguments...)
	return err == nil
}

// command runs the go command, and returns what it printed.
func (t *trial) command(arguments ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*t.limit)
	defer cancel()
	return exec.CommandContext(ctx, "go", arguments...).CombinedOutput() //nolint:gosec // this command's own arguments
}

// report prints what became of the mutants, and returns whether enough were noticed.
func (t *trial) report(least float64) bool {
	tried := t.tried()
	share := 1.0
	if tried > 0 {
		share = float64(t.noticed) / float64(tried)
	}
	for _, m := range t.excused {
		fmt.Fprintf(t.out, "known: %v\n\t%s\n", m, t.known[m.id()])
	}
	fmt.Fprintf(t.out, "%d tried: %d noticed (%.1f %%), %d survived, %d survived and are known; %d more could not be built\n",
		tried, t.noticed, 100*share, len(t.survived), len(t.excused), t.unbuilt)
	return share >= least
}
