package config_test

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
)

func ExampleParse() {
	file := strings.NewReader(`
services:
  payments:
    template: critical
    deadline: 2s
    attempt_deadline: 500ms
    retry: {max_retries: 4, jitter: full}
`)
	c, err := config.Parse(file, config.WithEnvironment([]string{"HOLDFAST_PAYMENTS_RETRY_MAX_RETRIES=2"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	payments, err := holdfast.New("payments", c.Services()["payments"]...)
	fmt.Println(payments, err)
	// Output:
	// payments: deadline 2s → budget 300% of any success, slow 5×, refunds → retry 2× 50ms…5s patient → bulkhead adaptive (1000 wait 1s) → breaker 95%/20 → deadline 500ms <nil>
}

func ExampleParse_problems() {
	file := strings.NewReader(`
services:
  payments:
    deadline: 8
    retry:
      max_retrys: 5
      base_delay: 50ms
      max_delay: 10ms
`)
	_, err := config.Parse(file, config.WithEnvironment(nil))
	fmt.Println(err)
	// Output:
	// input:4:15: services.payments.deadline is 8; want a duration above 0, such as 500ms, or off; a duration has a unit: 8s, or 8ms
	//     4 |     deadline: 8
	//       |               ^
	// input:6:7: services.payments.retry: unknown key "max_retrys"; did you mean "max_retries"?
	//     6 |       max_retrys: 5
	//       |       ^^^^^^^^^^
}

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "holdfast")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "services.yaml")
	if err := os.WriteFile(file, []byte("services: {payments: {template: critical}, search: {}}"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	c, err := config.Load(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Names())
	// Output: [payments search]
}

//go:embed testdata/good
var files embed.FS

func ExampleLoadFS() {
	c, err := config.LoadFS(files, "testdata/good/services.json", config.WithEnvironment(nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(c.Names()) > 0)
	// Output: true
}

func ExampleService_Origin() {
	file := strings.NewReader("defaults: {deadline: 8s}\nservices: {payments: {}}")
	c, err := config.Parse(file, config.WithEnvironment([]string{"HOLDFAST_PAYMENTS_BUDGET_RATIO=0.2"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	payments, _ := c.Service("payments")
	for _, key := range []string{"deadline", "retry.max_retries", "budget.ratio", "budget.shadow"} {
		origin, _ := payments.Origin(key)
		fmt.Println(key, "from", origin)
	}
	// Output:
	// deadline from input:1:12 (defaults)
	// retry.max_retries from built-in template standard
	// budget.ratio from environment HOLDFAST_PAYMENTS_BUDGET_RATIO
	// budget.shadow from default
}
