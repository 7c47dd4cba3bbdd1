package config_test

import (
	"fmt"
	"strings"

	"github.com/media-gateway/holdfast/config"
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
