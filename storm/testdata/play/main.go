// Command play runs a storm outside of tests, for TestACommandRunsStorms.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/storm"
)

func main() {
	report, err := storm.Play(storm.Scenario{
		Name: "command", Seed: 7, Load: storm.Poisson(100), For: 30 * time.Second, Deadline: time.Second,
		Server:   storm.Server{Workers: 10, Service: storm.Exponential(50 * time.Millisecond)},
		Triggers: []storm.Trigger{{At: 10 * time.Second, For: 5 * time.Second, ErrorRatio: 1}},
	}, func() storm.Doer { return holdfast.Must(holdfast.New("p", holdfast.Standard()...)) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(report)
}
