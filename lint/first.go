package lint

import "slices"

// putFirst sees to it that what is said of one service does not contradict itself. Which layer
// retries is decided before how its attempts share the time: where a finding takes the retries of a
// service away, those whose fixes are for its retries say so.
func (c *checker) putFirst() {
	for i := range c.subjects {
		s := &c.subjects[i]
		first := c.takesRetries(s.Name)
		if first == "" {
			continue
		}
		for j := range c.findings {
			f := &c.findings[j]
			switch {
			case f.Service != s.Name || f.Fix.leavesNone():
			case f.Code == noDeadline: // one that no retries need
				f.Fix = s.bound(false)
			case slices.Contains(sharesTime, f.Code):
				f.First = first
			}
		}
	}
	c.yield()
}

// yield leaves out the fixes of calls that go on for nobody where another finding changes the same
// settings in another way: that is mended first, and then it shows how long such a call still is.
func (c *checker) yield() {
	for i := range c.findings {
		if f := &c.findings[i]; f.Code == outlasts && f.First == "" && slices.ContainsFunc(c.findings, f.contradicts) {
			f.Fix = nil
		}
	}
}

// contradicts reports whether two fixes of one service, both to be taken, say different things of
// one setting.
func (f *Finding) contradicts(g Finding) bool {
	return g.Service == f.Service && g.First == "" && g.Silenced == "" && f.Fix.contradicts(g.Fix)
}

// sharesTime are the codes whose fixes are for a service that goes on retrying, and change what
// another fix takes away.
var sharesTime = []string{
	attemptsTooLate, attemptsNever, attemptCut, noAttemptDeadline, attemptDeadlineNear, attemptsByLuck, noLimit, outlasts,
}

// takesRetries returns the code of the finding that takes a service's retries away: the first of
// these that is there. One that is silenced takes nothing.
func (c *checker) takesRetries(service string) string {
	for _, code := range []string{layersUnlimited, layersLimited, outlasts} {
		if slices.ContainsFunc(c.findings, func(f Finding) bool {
			return f.Service == service && f.Code == code && f.Silenced == "" && f.Fix.leavesNone()
		}) {
			return code
		}
	}
	return ""
}
