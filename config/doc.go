// Package config reads a configuration file in YAML or JSON. The file holds the settings of every
// stage, for each service that a program calls. A holdfast.Registry applies the [Config] that was
// read.
//
//	defaults:
//	  retry: {max_retries: 2}
//	templates:
//	  patient: {template: background, deadline: 1m}
//	services:
//	  payments:
//	    template: critical
//	    budget: {ratio: 0.2}
//	    bulkhead: {max_concurrent: 64, max_wait: 100ms}
//	  search: {attempt_deadline: 1s}
//	  reports: {template: patient}
//
// Here search names no template, so it starts from the built-in standard. The settings of defaults
// and its own come on top: it has 2 retries. The other services name a template, and have the
// retries of that template.
//
// # Functions
//
// [Load], [LoadFS] and [Parse] read a file once. [Watch] applies a file to a registry, and applies
// it again whenever it changes. A broken file changes nothing: the last good one stays in force,
// and [WithOnReload], [Watcher.Status] and the metrics report the error. A [Reload] lists each
// value that changed. Close the [Watcher] when it is no longer needed. [Config.Lint] runs the
// linter on a valid file. [Of] returns the Config of what a registry holds now, changes by hand
// included, and [Config.YAML] writes it as a file. [Service.Origin] says where a value comes from.
// [Starter] is a file to begin with, and [Schema] is the JSON Schema for editors.
//
// # Fleet
//
// Pods of one program can act as one: see package fleet. A file says which services take part
// (breaker: {fleet: on}, budget: {fleet: pooled}). At its top it may have a section for the program
// and the linter, such as fleet: {name: checkout, pods: 200, store: cache}: see [Config.Fleet].
//
// # Precedence
//
// From the lowest to the highest: the stage's default, defaults, the service's template (which may
// have a template of its own), the service, the environment. A service that names no template
// starts from the template that defaults name, or else from standard. Then defaults are above the
// template, since they change it. The templates critical, standard and background are built in,
// with the numbers of holdfast.Critical, Standard and Background. The template none is empty.
// Settings are merged one by one, not as whole sections.
//
// A service has a stage if some layer mentions it, even as {} or on, and no higher layer says off.
// An off does not delete the settings of lower layers: they count again if a higher layer turns the
// stage on. A layer that turns retry off also turns off a budget that a lower layer asks for.
//
// In a file 0 means 0, while in Go it means the default: max_retries: 0 is no retries. Where 0
// makes no sense, it is an error. Words replace the -1 and the constants of Go: unlimited, off and
// none. docs/numbers.md has the table.
//
// # Environment
//
// HOLDFAST_PAYMENTS_BUDGET_RATIO=0.2 sets budget.ratio of payments: upper case, with _ for every
// character that is neither a letter nor a digit. HOLDFAST_PAYMENTS_BREAKER=off takes the breaker
// out. A variable cannot set a list, fleet, defaults or templates. An empty variable is ignored. It
// is an error if a variable names a service and no key, or an unknown key, and also if it names a
// key and something close to a service's name, which is probably misspelled. Other variables that
// begin with HOLDFAST_ are ignored.
//
// # Errors
//
// One [Error] lists all problems (at most 100), each with its file, line and column: unknown keys,
// duplicate keys, values out of bounds, and whatever holdfast.New would refuse in the merged
// services. Refused as well are files of more than 1 MiB, with more than 10,000 services, nested
// more than 64 deep, or whose aliases expand to more than 200,000 values. Anchors, aliases and
// merge keys may be used. Keys at the top of the file that begin with x- are ignored, so they can
// hold anchors.
package config
