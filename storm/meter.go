package storm

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// meter counts what happens, by time. It is used under the lab's lock.
type meter struct {
	width   time.Duration
	end     time.Duration // what happens later, as if a Doer does not heed its ctx, counts as of then
	buckets []Bucket

	since         time.Duration // the queue has stood so since
	waiting, busy int

	denials [resilience.NumReasons]int // when last read
}

func newMeter(s Scenario) meter {
	return meter{width: s.Bucket, end: s.For + s.Drain + s.Bucket}
}

// bucket returns the bucket of time t.
func (m *meter) bucket(t time.Duration) *Bucket {
	i := int(min(t, m.end) / m.width)
	for len(m.buckets) <= i {
		m.buckets = append(m.buckets, Bucket{At: time.Duration(len(m.buckets)) * m.width})
	}
	return &m.buckets[i]
}

// stand notes that from now on so many wait and so many are in work.
func (m *meter) stand(now time.Duration, waiting, busy int) {
	m.pass(now)
	b := m.bucket(now)
	b.QueueMax = max(b.QueueMax, waiting)
	m.waiting, m.busy = waiting, busy
}

// pass notes that nothing has changed until now.
func (m *meter) pass(now time.Duration) {
	for now = min(now, m.end); m.since < now; {
		b := m.bucket(m.since)
		until := min(now, b.At+m.width)
		share := float64(until-m.since) / float64(m.width)
		b.Queue += share * float64(m.waiting)
		b.InService += share * float64(m.busy)
		b.QueueMax = max(b.QueueMax, m.waiting)
		m.since = until
	}
}

// read notes what the Doers had denied by t.
func (m *meter) read(t time.Duration, denials [resilience.NumReasons]int) {
	b := m.bucket(t)
	for reason, n := range denials {
		b.deny(resilience.Reason(reason), n-m.denials[reason])
	}
	m.denials = denials
}
