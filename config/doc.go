// Package config reads what an operator says of services, from one file in YAML or JSON: the numbers of every stage, for each
// dependency that a program calls. A [Config] is what a holdfast.Registry applies.
//
//	defaults:
//	  retry: {jitter: full}
//	templates:
//	  patient: {template: background, deadline: 1m}
//	services:
//	  payments:
//	    template: critical
//	    deadline: 2s
//	    attempt_deadline: 500ms
//	    budget: {ratio: 0.1, floor: 1}
//	    retry: {max_retries: 5}
//	  reports: {template: patient}
//
// # What counts
//
// From the lowest to the highest: a stage's own default, defaults, the service's template (which may have a template
// of its own), the service, the environment. A service that names no template starts from that of defaults, or else from
// standard, and then defaults come above the template, being what is changed in it. The
// templates critical, standard and background are built in, of the numbers of holdfast.Critical and its like; none starts with
// nothing. Settings are merged one by one, and not whole sections.
//
// A stage is there if anything mentions it, be it as {} or on, and nothing higher says off. What is set below an off
// stays, for something higher that turns the stage on again. A retry loop that is off takes along the budget that something lower asks for.
//
// 0 means 0, unlike in Go, where it is the default: max_retries: 0 is no retries. Where 0 cannot be, it is an error, and
// words say what -1 says in Go: unlimited and off.
//
// # Environment
//
// HOLDFAST_PAYMENTS_BUDGET_RATIO=0.2 sets budget.ratio of payments: upper case, with _ for all that is neither a
// letter nor a digit. HOLDFAST_PAYMENTS_BREAKER=off takes the breaker out. Lists cannot be set so. An empty variable says nothing. A
// variable of a service with a key that there is not is an error, and so is one of a name that is close to a service's;
// other variables that begin with HOLDFAST_ are left alone.
//
// # What is refused
//
// Everything that is wrong is in one [Error], each with its file, line and column: unknown keys, keys given
// twice, values out of bounds, and whatever holdfast.New would refuse in the services as they come out. So are files of more than
// 1 MiB, of more than 10,000 services, nested more than 64 deep, or whose aliases would make more than 200,000 values.
// Anchors, aliases and merge keys may be used; keys at the top of the file that begin with x- are a place for them.
package config
