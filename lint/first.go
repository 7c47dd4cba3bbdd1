package lint

import "slices"

// putFirst keeps the fixes of one service from contradicting each other. Which layer retries is
// decided before how attempts share the time: if a fix removes the retries of a service, findings
// whose fixes are for these retries name it in First.
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
			case f.Code == noDeadline: // a deadline for a single attempt
				f.Fix = s.bound(false)
			case slices.Contains(sharesTime, f.Code):
				f.First = first
			}
		}
	}
	c.dropContradicted()
}

// dropContradicted removes the fix of a call that outlasts its caller if another finding changes
// the same settings in another way. That one comes first: how long the call takes then is not known
// yet.
func (c *checker) dropContradicted() {
	for i := range c.findings {
		if f := &c.findings[i]; f.Code == outlasts && f.First == "" && slices.ContainsFunc(c.findings, f.contradicts) {
			f.Fix = nil
		}
	}
}

// contradicts reports whether both findings are of one service, both fixes are to be applied, and
// they give different values to one setting.
func (f *Finding) contradicts(g Finding) bool {
	return g.Service == f.Service && g.First == "" && g.Silenced == "" && f.Fix.contradicts(g.Fix)
}

// sharesTime are the codes whose fixes are of use only if the service continues to retry.
var sharesTime = []string{
	attemptsTooLate, attemptsNever, attemptCut, noAttemptDeadline, attemptDeadlineNear, attemptsByLuck, noLimit, outlasts,
}

// takesRetries returns the code of the finding whose fix removes a service's retries, "" if there
// is none. If there are several, the first of the list below counts. A silenced finding does not
// count.
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
