package config_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
)

// Loads the services of a file, and changes them when the file changes. Without WithOnReload,
// reloads are logged.
func ExampleWatch() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "services.yaml")
	save := func(text string) { // a new file, renamed over the old one: nobody reads half of it
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			fmt.Println(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			fmt.Println(err)
		}
	}
	save("services:\n  payments: {template: critical}\n")

	services, reloads := holdfast.NewRegistry(), make(chan config.Reload)
	watcher, err := config.Watch(context.Background(), path, services, config.WithOnReload(func(r config.Reload) { reloads <- r }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer watcher.Close()
	payments, ok := services.Get("payments")
	fmt.Println(payments.Name(), ok)

	save("services:\n  payments: {template: standard}\n  search: {template: background}\n")
	r := <-reloads
	fmt.Println("added", r.Added, "changed", r.Changed, "removed", r.Removed, r.Err)
	// Output:
	// payments true
	// added [search] changed [payments] removed [] <nil>
}

// On a network file system nobody reports changes, so the file is read often. A tool that writes it
// in many steps gets a second to do so.
func ExampleWithPoll() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "services.yaml")
	if err := os.WriteFile(path, []byte("services: {payments: {}}"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	services := holdfast.NewRegistry()
	watcher, err := config.Watch(context.Background(), path, services, config.WithPoll(5*time.Second), config.WithDebounce(time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer watcher.Close()
	fmt.Println(services.MustGet("payments").Name())
	// Output: payments
}
