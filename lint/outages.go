package lint

import (
	"fmt"
	"math"
)

// tellOutages reports how much traffic an outage makes: for each service where that is much more,
// or else for the one where it is the most. If the number of instances is given, tellFleets reports
// their sum instead.
func (c *checker) tellOutages() {
	if c.options.Pods > 0 {
		return
	}
	var most *subject
	told, of := false, 0
	for i := range c.subjects {
		s := &c.subjects[i]
		if !s.Limited() || !s.Retries() || s.RPS <= 0 {
			continue
		}
		of++
		if s.alarms(1) {
			s.tellOutage("")
			told = true
		}
		if most == nil || s.amplifies() > most.amplifies() || s.amplifies() == most.amplifies() && s.Unpaid() > most.Unpaid() {
			most = s
		}
	}
	switch {
	case most == nil || told:
	case of > 1:
		most.tellOutage(fmt.Sprintf("; that is the most of %d services", of))
	default:
		most.tellOutage("")
	}
}

// alarms reports whether so many instances make much more traffic in an outage, and enough for a
// dependency to notice.
func (s subject) alarms(instances float64) bool {
	if s.RPS <= 0 {
		return false
	}
	n := s.Sustained(s.RPS)
	return n >= muchMore && (n-1)*s.RPS*instances > smallFloor
}

// amplifies returns the attempts per call in a long outage, rounded as they are shown.
func (s subject) amplifies() float64 { return math.Round(s.Sustained(s.RPS)*1000) / 1000 }

func (s subject) tellOutage(among string) {
	f := s.begin(outageLoad, "budget")
	once := ""
	switch bank := s.Bank(); {
	case bank == 1:
		once = ", once the bank's " + f.count("burst", bank) + " retry is spent"
	case bank > 0:
		once = ", once the bank's " + f.count("burst", bank) + " retries are spent"
	}
	f.say("in an outage at %s there are up to %s%s%s; without the budget %s%s",
		f.rate("rps", s.RPS), perCall(f, "sustained", s.Sustained(s.RPS)), s.slowly(f), once, s.without(f), among)
	f.end()
}

// slowly says how many attempts per call there are if attempts fail slowly, where that makes a
// difference.
func (s subject) slowly(f *draft) string {
	if n := s.SustainedSlow(s.RPS); n < s.Sustained(s.RPS) {
		return " (" + f.count("sustained_slow", n) + " if they fail slowly)"
	}
	return ""
}

// perCall notes how many attempts there are for each call.
func perCall(f *draft, name string, attempts float64) string {
	return f.some(name, attempts, "attempt per call", "attempts per call")
}

// without says how many attempts per call there are if no budget limits them.
func (s subject) without(f *draft) string {
	if n := s.Unpaid(); !math.IsInf(n, 1) {
		return "up to " + f.count("unpaid", n)
	}
	return "there is no limit"
}
