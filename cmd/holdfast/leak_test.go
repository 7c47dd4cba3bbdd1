package main

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast/internal/cli"
)

// asProgram makes the test binary run the program, for tests that need a process of its own: see
// command.
const asProgram = "HOLDFAST_TEST_AS_PROGRAM"

// No test leaves a goroutine behind.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		streams := cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
		os.Exit(program().Run(context.Background(), streams, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}
