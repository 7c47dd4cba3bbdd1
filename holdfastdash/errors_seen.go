package holdfastdash

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// fade is what a round leaves of the weight of a kind: of 60 rounds, a third.
const fade = 0.98

const (
	// maxKinds is how many kinds of errors are counted apart. A dependency may return any number.
	maxKinds = 32

	// shownKinds is how many of them a page shows.
	shownKinds = 6

	// forgetAfter is how long a kind of error is remembered that has not come again.
	forgetAfter = 15 * time.Minute

	// maxKindName and maxMessage bound what is shown of an error, in bytes.
	maxKindName = 160
	maxMessage  = 240
)

// errorKinds counts the errors of a pipeline by their kind. Of more than maxKinds it keeps those
// that came most often of late. That is the Space-Saving algorithm: a new kind takes the place of
// the lightest, and its weight with it. So an endless row of new kinds pushes out no kind that is
// more than one in maxKinds of all errors. The zero value is empty. It is safe for concurrent use.
type errorKinds struct {
	mu    sync.Mutex
	kinds map[errorKind]*errorCount
	left  uint64 // errors of the kinds that were pushed out
}

// errorKind is what errors are told apart by.
type errorKind struct {
	what    string // as resilience.DescribeError
	verdict resilience.Verdict
	reason  resilience.Reason // why the call ended with it; ReasonNone if the attempt was retried
}

type errorCount struct {
	count   uint64
	was     uint64  // at the last round
	weight  float64 // decides which kind makes room; what was counted earlier weighs less: see fade
	rate    float64
	last    int64  // the round in which the last one was seen, in milliseconds since 1970
	message string // of one of them
	fresh   bool   // message is from this round
}

// note counts an error. It runs on the goroutine of the call that failed. It puts at most one error
// of each kind into words in a round, apart from its kind.
func (k *errorKinds) note(err error, v resilience.Verdict, r resilience.Reason) {
	kind := errorKind{shown(resilience.DescribeError(err), maxKindName), v, r}
	if k.counted(kind) {
		return
	}
	message := shown(messageOf(err), maxMessage) // runs the user's code: not under the lock
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.kinds[kind]
	if c == nil {
		c = k.add(kind)
	}
	c.add()
	c.message, c.fresh = message, true
}

// counted counts one more error of a kind whose message is fresh, and reports whether it is.
func (k *errorKinds) counted(kind errorKind) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.kinds[kind]
	if c == nil || !c.fresh {
		return false
	}
	c.add()
	return true
}

func (c *errorCount) add() {
	c.count++
	c.weight++
}

// add makes an entry for a kind. mu must be held.
func (k *errorKinds) add(kind errorKind) *errorCount {
	if k.kinds == nil {
		k.kinds = map[errorKind]*errorCount{}
	}
	c := &errorCount{}
	if len(k.kinds) == maxKinds {
		var victim errorKind
		least := (*errorCount)(nil)
		for kind, c := range k.kinds {
			if least == nil || c.weight < least.weight {
				victim, least = kind, c
			}
		}
		k.left += least.count
		delete(k.kinds, victim)
		c.weight = least.weight
	}
	k.kinds[kind] = c
	return c
}

// round ends a round, and returns what a page shows: the kinds that come most often now, then those
// that came last. It forgets the kinds that have not come for a while.
func (k *errorKinds) round(now time.Time, elapsed time.Duration) *errorsLatest {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.kinds) == 0 {
		return nil
	}
	latest := &errorsLatest{MoreErrors: k.left}
	oldest := now.Add(-forgetAfter).UnixMilli()
	for kind, c := range k.kinds {
		if c.count > c.was {
			c.last = now.UnixMilli()
		}
		c.rate = round(float64(c.count-c.was) / elapsed.Seconds())
		c.was, c.fresh = c.count, false
		c.weight *= fade
		if c.last < oldest {
			delete(k.kinds, kind)
			continue
		}
		latest.Kinds = append(latest.Kinds, errorSample{
			What: kind.what, Message: c.message, Verdict: kind.verdict.String(), Reason: reasonName(kind.reason),
			Count: c.count, Rate: c.rate, Last: c.last,
		})
	}
	slices.SortFunc(latest.Kinds, func(a, b errorSample) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(b.Last, a.Last), cmp.Compare(b.Count, a.Count),
			strings.Compare(a.What, b.What), strings.Compare(a.Verdict, b.Verdict), strings.Compare(a.Reason, b.Reason))
	})
	if more := len(latest.Kinds) - shownKinds; more > 0 {
		latest.MoreKinds = more
		for _, one := range latest.Kinds[shownKinds:] {
			latest.MoreErrors += one.Count
		}
		latest.Kinds = latest.Kinds[:shownKinds]
	}
	if len(latest.Kinds) == 0 {
		k.left = 0
		return nil
	}
	return latest
}

// messageOf returns the text of err on one line. Of a retry loop's error it is that of the last
// attempt's: how the loop ended is the reason's to say.
func messageOf(err error) string {
	if loop, ok := err.(*retry.Error); ok && loop != nil && loop.Err != nil { //nolint:errorlint // the outermost
		err = loop.Err
	}
	text := shortened(foreign.Text(err), 2*maxMessage)
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
}

// shown returns what a dependency chose, as a page can show it: of bounded length, and with
// everything escaped that is not printable, such as what changes the direction of the text.
func shown(text string, most int) string {
	return shortened(visible.Name(shortened(text, most)), most)
}

func reasonName(r resilience.Reason) string {
	if r == resilience.ReasonNone {
		return ""
	}
	return r.String()
}
