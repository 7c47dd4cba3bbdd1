package lint_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/lint"
)

// In a file of many services, one finding tells what is true of most of them.
func TestAMeshIsToldInFewSentences(t *testing.T) {
	const mesh = `
	edge: {template: standard, rps: 500, budget: {floor: 0.2}, calls: [a, b, c, d, e, f]}
	a: {template: standard, rps: 50, budget: {floor: 0.2}, calls: [db]}
	b: {template: standard, rps: 50, budget: {floor: 0.2}, calls: [log]}
	c: {template: standard, rps: 50, budget: {floor: 0.2}}
	d: {template: standard, rps: 50, budget: {floor: 0.2}}
	e: {template: critical, rps: 50, budget: {floor: 0.5}, deadline: 15s}
	f: {template: standard, rps: 50, budget: {floor: 0.2}}
	db: {template: standard, rps: 50, budget: {floor: 0.2}}
	log: {template: background, rps: 50}
	quiet: {template: critical, rps: RPS}`
	count := func(r lint.Report, code string) (n int) {
		for _, f := range r.Findings {
			if f.Code == code {
				n++
			}
		}
		return n
	}
	c := parse(t, strings.Replace(mesh, "RPS", "40, budget: {floor: 0.5}", 1))
	r := c.Lint(lint.Options{})
	require.Zero(t, r.Errors()+r.Warnings(), r)
	require.Equal(t, 1, count(r, "HF025"))
	says(t, c, lint.Options{}, "HF025", "info: in an outage at 40/s there are up to 1.012 attempts per call (1.002 if they fail slowly), once the bank's 5 retries are spent; without the budget up to 6; "+
		"that is the most of 10 services")
	require.Equal(t, 3, count(r, "HF053"), "edge, a and b")
	says(t, c, lint.Options{}, "HF053", "info: edge retries, and so do e, a, b and 3 others, which it reaches: up to 4 × 6 = 24 attempts at e for one request; "+
		"their budgets bound it in a long outage")
	require.Equal(t, 1, count(r, "HF054"))
	says(t, c, lint.Options{}, "HF054", "info: edge → a → db: up to 4 × 4 × 4 = 64 attempts for one request if db is down; with the budgets up to 1.008, once the banks are spent; "+
		"that is the most of 2 ways from edge")

	// The same with many instances: one finding for all services, at the one with the largest part.
	r = c.Lint(lint.Options{Pods: 50})
	require.Zero(t, r.Errors()+r.Warnings(), r)
	require.Equal(t, []int{1, 0}, []int{count(r, "HF026"), count(r, "HF025")}, r)
	f := says(t, c, lint.Options{Pods: 50}, "HF026", "info: in an outage the budgets of 10 services, with 50 instances each, pay for up to 2500 retries at once, and for 120/s after that; "+
		"the most is that of e: 250, and 25/s")
	require.Equal(t, "e", f.Service)
	much := parse(t, strings.Replace(mesh, "rps: RPS", "rps: 8, budget: {floor: 2}", 1))
	require.Equal(t, 2, count(much.Lint(lint.Options{Pods: 50}), "HF026"), "of all, and of quiet alone")
	require.Contains(t, much.Lint(lint.Options{Pods: 50}).String(), "HF026 quiet: in an outage the budgets of 10 services, with 50 instances each, "+
		"pay for up to 2500 retries at once, and for 195/s after that; the most is that of quiet: 250, and 100/s\n")
	require.Contains(t, much.Lint(lint.Options{Pods: 50}).String(), "HF026 quiet: in an outage the banks of 50 instances pay for up to 250 retries at once, and their floors for 100/s after that, "+
		"beside 400/s calls: up to 1.25 attempts per call, and without the budget up to 6\n")

	// But each service with much of it has a finding.
	c = parse(t, strings.Replace(mesh, "rps: RPS", "rps: 8, budget: {floor: 2}", 1))
	says(t, c, lint.Options{}, "HF025", "info: in an outage at 8/s there are up to 1.25 attempts per call (1.05 if they fail slowly), once the bank's 5 retries are spent; without the budget up to 6")
}
