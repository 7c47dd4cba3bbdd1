package model

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// adaptive is what is known of an adaptive limit. The documentation leaves open which calls a cut
// and a raise count, so the limit itself lies between two bounds.
type adaptive struct {
	whole       int       // as it was seen last, rounded up; 0: there is none
	least, most float64   // between which it lies
	cuts        uint64    // so far
	cut         time.Time // the last
	row         int       // slow failures in a row, at the least, since the last cut
	mayRow      int       // at the most, since the last success
}

// Sign is what the end of a call says of how much the dependency has to do.
type Sign int

// The signs.
const (
	Silent    Sign = iota // nothing
	Succeeds              // a success
	Definite              // an answer that is no success. Undecided: it may count as one.
	Slow                  // a failure that says itself that it is slow
	MaybeSlow             // a timeout, which counts only where no success is quick, or any other failure
	Unsure                // any of these
)

const roundedOff = 0.002

// Learn takes note of the end of a call inside, which has not left yet, and of the limit and the
// number of cuts after it.
func (b *Bulkhead) Learn(s Sign, limit int, cuts uint64, now time.Time) error {
	a, c := &b.adaptive, b.Config.Adaptive
	if c == nil {
		if s == Slow || s == MaybeSlow || s == Unsure {
			a.mayRow++ // Undecided: calls that began when it was adaptive may still count
		}
		if limit != 0 || cuts != a.cuts {
			return fmt.Errorf("it has a limit of %d and %d cuts, and is not adaptive", limit, cuts)
		}
		return nil
	}
	counted, others := b.taken()
	inUse := float64(counted + others)
	switch s {
	case Succeeds:
		a.row, a.mayRow = 0, 0
	case Definite:
		a.row = 0
	case Slow:
		a.row++
		a.mayRow++
	case MaybeSlow:
		a.mayRow++
	case Unsure:
		a.row = 0
		a.mayRow++
	case Silent:
	}
	early := !a.cut.IsZero() && now.Sub(a.cut) < c.CutEvery && a.whole > 0
	if cuts == a.cuts {
		if s == Slow && a.row >= c.SlowFailures && !early {
			return fmt.Errorf("no cut after %d slow failures in a row", a.row)
		}
		if a.whole == 0 {
			return a.lies(limit, 0, 0)
		}
		if s == Succeeds && 2*(inUse-1) >= a.most {
			a.least += 1 / a.least
			a.most = max(a.most, a.least)
		}
		if (s == Succeeds || s == Definite || s == Unsure) && 2*inUse >= a.least {
			a.most = max(a.most, a.most+1/a.most, a.least)
		}
		return a.lies(limit, a.least, a.most)
	}
	switch {
	case cuts != a.cuts+1:
		return fmt.Errorf("%d cuts at once", cuts-a.cuts)
	case s != Slow && s != MaybeSlow && s != Unsure:
		return errors.New("a cut after no failure")
	case a.mayRow < c.SlowFailures:
		return fmt.Errorf("a cut after %d slow failures in a row", a.mayRow)
	case early:
		return fmt.Errorf("a cut %v after the last", now.Sub(a.cut))
	}
	a.row, a.cuts, a.cut = 0, cuts, now
	least, most := inUse-1, inUse
	if a.whole > 0 {
		least, most = min(least, a.least), min(most, a.most)
	}
	return a.lies(limit, max(1, c.CutTo*least), max(1, c.CutTo*most))
}

// lies takes note of the limit that was seen, which lies between two others.
func (a *adaptive) lies(limit int, least, most float64) error {
	if low, high := math.Ceil(least-roundedOff), math.Ceil(most+roundedOff); float64(limit) < low || float64(limit) > high {
		return fmt.Errorf("a limit of %d; the model has one from %v to %v", limit, least, most)
	}
	a.whole, a.least, a.most = limit, max(least, float64(limit)-1), min(most, float64(limit))
	return nil
}
