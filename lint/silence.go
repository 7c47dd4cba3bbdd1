package lint

import (
	"slices"
	"strings"
)

// situational are the codes that depend on the number of instances, on the fleet's store and on
// other services. A silence of one that has no finding now may have one at another time.
var situational = []string{outageLoad, fleet, hopsMultiply, onItsStore, fewPods}

// silence marks the findings that a service's file silences, and reports silences without effect.
// These reports cannot be silenced themselves.
func (c *checker) silence(s *Service) {
	found := len(c.findings) // those after them are about silences
	for _, q := range s.Silenced {
		reason := strings.TrimSpace(q.Reason)
		_, known := Explain(q.Code)
		switch {
		case !known:
			c.useless(s, q, unknownCode).say("%q is silenced, and no finding has that code", q.Code).end()
		case reason == "":
			c.useless(s, q, noReason).say("%s is silenced without a reason, so it is not silenced", q.Code).end()
		case !c.mark(s, q.Code, reason, found) && !slices.Contains(situational, q.Code):
			c.useless(s, q, idleSilence).say("%s is silenced, and there is no such finding", q.Code).end()
		}
	}
}

func (c *checker) useless(s *Service, q Silence, code string) *draft {
	d := c.begin(s, code, "lint")
	if q.Line > 0 {
		d.Position = Position{File: s.position("").File, Line: q.Line}
	}
	d.fix(setting("lint.ignore", "without "+q.Code))
	if code == noReason {
		d.fix(setting("lint.ignore", "with a reason for "+q.Code))
	}
	return d
}

// mark silences a service's findings with a code, and reports whether there were any.
func (c *checker) mark(s *Service, code, reason string, found int) (any bool) {
	for i := range c.findings[:found] {
		if f := &c.findings[i]; f.Service == s.Name && f.Code == code {
			f.Silenced, any = reason, true
		}
	}
	return any
}
