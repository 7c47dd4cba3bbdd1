package config_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func ExampleConfig_YAML() {
	file, err := config.Parse(strings.NewReader(`
services:
  ledger: {template: none, deadline: 2s, retry: {max_retries: 1, jitter: full}}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", file.YAML())
	// Output:
	// services:
	//   ledger:
	//     template: none
	//     deadline: 2s
	//     retry:
	//       max_retries: 1
	//       base_delay: 100ms
	//       max_delay: 5s
	//       multiplier: 2
	//       jitter: full
	//       backoff: exponential
	//       min_attempt: 0s
	//       max_retry_after: 1m
	//       only_unsent: false
	//       patient: false
	//       queue_limit: 1000
	//       adaptive: off
}

func ExampleStarter() {
	file, err := config.Parse(strings.NewReader(string(config.Starter())), config.WithEnvironment(nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(file.Names())
	// Output: [audit-log payments search]
}

// What is in force now, a change by hand included, as a file.
func ExampleOf() {
	services := holdfast.NewRegistry()
	if err := services.Apply(holdfast.Services{"payments": {budget.Config{Ratio: 0.1}, retry.Config{}}}); err != nil {
		fmt.Println(err)
		return
	}
	_, err := services.MustGet("payments").Tune(context.Background(), holdfast.Tuning{
		By: "ana", Budget: func(c *budget.Config) { c.Ratio = 0.3 },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := config.Of(services)
	if err != nil {
		fmt.Println(err)
		return
	}
	payments, _ := c.Service("payments")
	fmt.Println(payments.Budget.Ratio)
	// Output: 0.3
}
