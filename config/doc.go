// Package config reads what an operator says of services, from one file in YAML or JSON: the
// numbers of every stage, for each dependency that a program calls. A [Config] is what a
// holdfast.Registry applies.
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
// Here search names no template: it is the built-in standard, but for what defaults and search
// itself say, so that it has 2 retries. The others have those of the templates that they ask for by
// name.
//
// # What there is
//
// [Load], [LoadFS] and [Parse] read a file once. [Watch] applies one to a registry, and again
// whenever it changes; a broken one changes nothing and is told by [WithOnReload] and
// [Watcher.Err], while the last good one stays in force. A program closes its [Watcher] in the end.
// [Config.Lint] does the arithmetic of a file that is right, [Of] returns the file of what a
// registry holds now, changes by hand included, and [Config.YAML] writes it. [Service.Origin] says
// who said a value. [Starter] is a file to begin with, and [Schema] describes all files to an
// editor.
//
// # What counts
//
// From the lowest to the highest: a stage's own default, defaults, the service's template (which
// may have a template of its own), the service, the environment. A service that names no template
// starts from that of defaults, or else from standard, and then defaults come above the template,
// being what is changed in it. The templates critical, standard and background are built in, of the
// numbers of holdfast.Critical and its like; none starts with nothing. Settings are merged one by
// one, and not whole sections.
//
// A stage is there if anything mentions it, be it as {} or on, and nothing higher says off. What is
// set below an off stays, for something higher that turns the stage on again. A retry loop that is
// off takes along the budget that something lower asks for.
//
// 0 means 0, unlike in Go, where it is the default: max_retries: 0 is no retries. Where 0 cannot
// be, it is an error, and words say what -1 and names say in Go: unlimited, off and none.
// docs/numbers.md has the table.
//
// # Environment
//
// HOLDFAST_PAYMENTS_BUDGET_RATIO=0.2 sets budget.ratio of payments: upper case, with _ for all that
// is neither a letter nor a digit. HOLDFAST_PAYMENTS_BREAKER=off takes the breaker out. Lists
// cannot be set so, nor can defaults and templates. An empty variable says nothing. A variable of a
// service with a key that there is not, or without any, is an error, and so is one of a key and a
// name that is close to a service's; other variables that begin with HOLDFAST_ are left alone.
//
// # What is refused
//
// Everything that is wrong is in one [Error], each with its file, line and column: unknown keys,
// keys given twice, values out of bounds, and whatever holdfast.New would refuse in the services as
// they come out. So are files of more than 1 MiB, of more than 10,000 services, nested more than 64
// deep, or whose aliases would make more than 200,000 values. Anchors, aliases and merge keys may
// be used; keys at the top of the file that begin with x- are a place for them.
package config
