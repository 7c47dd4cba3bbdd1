package storm

import "time"

// waitingLine is the attempts that wait at a server. Those that have been stopped stay in it for a
// while, and are not counted.
type waitingLine struct {
	server     *server
	waiting    int
	attempts   []*attempt // from head on
	head       int
	emptyUntil time.Duration // before it had one last
	codel      codel
}

// join puts a at the end.
func (l *waitingLine) join(a *attempt) {
	now := l.server.lab.now()
	limit := time.Duration(0)
	if q := l.server.Queue; q != nil {
		limit = q.patience(l)
	}
	if l.waiting == 0 {
		l.emptyUntil = now
	}
	l.server.meter.stand(now, l.waiting+1, l.server.busy)
	a.state, a.joined = queued, now
	l.waiting++
	l.attempts = append(l.attempts, a)
	if limit > 0 {
		l.server.lab.at(now+limit, func() {
			if a.state == queued {
				l.leave(a)
				l.server.refuse(a, ErrDropped)
			}
		})
	}
}

// leave is for one that will not be let in. It stays where it is.
func (l *waitingLine) leave(a *attempt) {
	l.server.meter.stand(l.server.lab.now(), l.waiting-1, l.server.busy)
	l.waiting--
	a.state = over
	l.tidy()
}

// drop refuses a, which was taken out.
func (l *waitingLine) drop(a *attempt) {
	l.server.meter.stand(l.server.lab.now(), l.waiting, l.server.busy)
	l.server.refuse(a, ErrDropped)
}

// next takes the one out that is let in next, and returns nil if nobody is.
func (l *waitingLine) next() *attempt {
	if q := l.server.Queue; q != nil {
		return q.next(l)
	}
	return l.first()
}

// first takes out who came first, nil if nobody waits.
func (l *waitingLine) first() *attempt {
	for l.waiting > 0 {
		a := l.attempts[l.head]
		l.attempts[l.head] = nil
		l.head++
		if a.state == queued { // else it was stopped
			l.waiting--
			l.tidy()
			return a
		}
	}
	return nil
}

// last takes out who came last, nil if nobody waits.
func (l *waitingLine) last() *attempt {
	for l.waiting > 0 {
		end := len(l.attempts) - 1
		a := l.attempts[end]
		l.attempts[end] = nil
		l.attempts = l.attempts[:end]
		if a.state == queued {
			l.waiting--
			l.tidy()
			return a
		}
	}
	return nil
}

// tidy forgets those that are gone, once they are more than those that wait.
func (l *waitingLine) tidy() {
	if len(l.attempts) <= 2*l.waiting+16 {
		return
	}
	kept := l.attempts[:0]
	for _, a := range l.attempts[l.head:] {
		if a.state == queued {
			kept = append(kept, a)
		}
	}
	clear(l.attempts[len(kept):])
	l.attempts, l.head = kept, 0
}
