package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/timeline"
	"github.com/media-gateway/holdfast/lint"
)

// installed returns the toolkit of the packages config, lint and timeline.
func installed() toolkit {
	return toolkit{
		Starter:  config.Starter,
		Load:     func(path string) (file, error) { return loaded(config.Load(path)) },
		Parse:    func(r io.Reader) (file, error) { return loaded(config.Parse(r)) },
		Problems: problemsOf,
		Codes:    codes,
	}
}

func loaded(c *config.Config, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return configuration{c}, nil
}

// problemsOf takes a config.Error apart; any other error (of the file system) is one problem.
func problemsOf(err error) []any {
	if e, ok := errors.AsType[*config.Error](err); ok {
		all := make([]any, len(e.Problems))
		for i, p := range e.Problems {
			all[i] = p
		}
		return all
	}
	return []any{map[string]string{"message": err.Error()}}
}

func codes() []code {
	docs := lint.Docs()
	all := make([]code, len(docs))
	for i, d := range docs {
		all[i] = code{Code: d.Code, Severity: d.Severity.String(), Title: d.Title, Text: d.Text}
	}
	slices.SortFunc(all, func(a, b code) int { return strings.Compare(a.Code, b.Code) })
	return all
}

// configuration is a file that was loaded.
type configuration struct{ *config.Config }

// Lint returns what the linter finds.
func (c configuration) Lint(pods int) []finding {
	report := c.Config.Lint(lint.Options{Pods: pods})
	all := make([]finding, len(report.Findings))
	for i, f := range report.Findings {
		all[i] = finding{Severity: f.Severity.String(), Silenced: f.Silenced != "", Text: f.String(), JSON: f}
		if f.Arithmetic != "" {
			all[i].Details = append(all[i].Details, f.Arithmetic)
		}
		if f.Fix != "" {
			all[i].Details = append(all[i].Details, "fix: "+f.Fix)
		}
	}
	return all
}

// Service returns a service as explain shows it.
func (c configuration) Service(name string) (service, error) {
	s, ok := c.Config.Service(name)
	if !ok {
		return service{}, fmt.Errorf("no service %q", name)
	}
	chart, err := timeline.Of(name, s.Stages())
	if err != nil {
		return service{}, err
	}
	var values []setting
	for _, v := range s.Values() {
		values = append(values, setting{Key: v.Key, Value: v.Text, Origin: v.Origin.String()})
	}
	return service{Template: s.Template, Chain: chart.Chain, Settings: values, Plan: chart, Draw: chart.Text, SVG: chart.SVG}, nil
}
