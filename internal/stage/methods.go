package stage

import "github.com/media-gateway/holdfast/resilience"

// methods are the funcs of a Spec, without its type parameters. Spec documents them.
type methods interface {
	Traits(c resilience.Stage) Traits
	Resolve(c resilience.Stage) (resilience.Stage, error)
	InForce(p resilience.Policy) resilience.Stage
	Named(c resilience.Stage, pipeline, suffix string) resilience.Stage
	Shares() bool
	Link(p resilience.Policy, at Place) resilience.Policy
	Renew(p resilience.Policy, c resilience.Stage) (Renewal[resilience.Policy], error)
	Tune(p resilience.Policy, from, to resilience.Stage) (Tuning[resilience.Policy, resilience.Stage], error)
	Another(p resilience.Policy, c resilience.Stage, pipeline, suffix string) (resilience.Policy, error)
	Lenient(p resilience.Policy) resilience.Policy
	Worth(p resilience.Policy) Worth
	Report(p resilience.Policy) Report
}

// spec makes methods of a Spec, and does the default where a func is nil.
type spec[C Config[C], P resilience.Policy] struct{ of Spec[C, P] }

func config[C any](c resilience.Stage) C  { return c.(C) } //nolint:forcetypeassert // by contract
func policy[P any](p resilience.Policy) P { return p.(P) } //nolint:forcetypeassert // by contract

func (s spec[C, P]) Traits(c resilience.Stage) Traits { return s.of.Traits(config[C](c)) }

func (s spec[C, P]) Resolve(c resilience.Stage) (resilience.Stage, error) {
	r, err := config[C](c).Resolve()
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s spec[C, P]) InForce(p resilience.Policy) resilience.Stage { return s.of.InForce(policy[P](p)) }

func (s spec[C, P]) Named(c resilience.Stage, pipeline, suffix string) resilience.Stage {
	if s.of.Named == nil {
		return c
	}
	return s.of.Named(config[C](c), pipeline, suffix)
}

func (s spec[C, P]) Shares() bool { return s.of.Shares }

func (s spec[C, P]) Link(p resilience.Policy, at Place) resilience.Policy {
	if s.of.Link == nil {
		return p
	}
	return s.of.Link(policy[P](p), at)
}

func (s spec[C, P]) Renew(p resilience.Policy, c resilience.Stage) (Renewal[resilience.Policy], error) {
	if s.of.Renew == nil {
		fresh, err := c.Build()
		return Renewal[resilience.Policy]{Policy: fresh}, err
	}
	r, err := s.of.Renew(policy[P](p), config[C](c))
	if err != nil {
		return Renewal[resilience.Policy]{}, err
	}
	return Renewal[resilience.Policy]{Policy: r.Policy, Kept: r.Kept, Commit: r.Commit}, nil
}

func (s spec[C, P]) Tune(p resilience.Policy, from, to resilience.Stage) (Tuning[resilience.Policy, resilience.Stage], error) {
	if s.of.Tune == nil {
		return s.renewal(p, to)
	}
	t, err := s.of.Tune(policy[P](p), config[C](from), config[C](to))
	if err != nil {
		return Tuning[resilience.Policy, resilience.Stage]{}, err
	}
	return Tuning[resilience.Policy, resilience.Stage]{
		Policy: t.Policy,
		Commit: func() (from, to resilience.Stage) { return t.Commit() },
	}, nil
}

// renewal is Tune for a policy that only its pipeline changes.
func (s spec[C, P]) renewal(p resilience.Policy, to resilience.Stage) (Tuning[resilience.Policy, resilience.Stage], error) {
	r, err := s.Renew(p, to)
	if err != nil {
		return Tuning[resilience.Policy, resilience.Stage]{}, err
	}
	return Tuning[resilience.Policy, resilience.Stage]{
		Policy: r.Policy,
		Commit: func() (from, to resilience.Stage) {
			from = s.InForce(p)
			if r.Commit != nil {
				r.Commit()
			}
			return from, s.InForce(r.Policy)
		},
	}, nil
}

// Another is the Spec's, of the Config c with the name that Named gives it.
func (s spec[C, P]) Another(p resilience.Policy, c resilience.Stage, pipeline, suffix string) (resilience.Policy, error) {
	if s.of.Another == nil {
		return s.Named(c, pipeline, suffix).Build()
	}
	named := config[C](c)
	if s.of.Named != nil {
		named = s.of.Named(named, pipeline, suffix)
	}
	fresh, err := s.of.Another(policy[P](p), named)
	if err != nil {
		return nil, err
	}
	return fresh, nil
}

func (s spec[C, P]) Lenient(p resilience.Policy) resilience.Policy {
	if s.of.Lenient == nil {
		return p
	}
	return s.of.Lenient(policy[P](p))
}

func (s spec[C, P]) Worth(p resilience.Policy) Worth {
	if s.of.Worth == nil {
		return Plain
	}
	return s.of.Worth(policy[P](p))
}

func (s spec[C, P]) Report(p resilience.Policy) Report {
	if s.of.Report == nil {
		return Report{}
	}
	return s.of.Report(policy[P](p))
}

// anyGuard is for a Guard that is not built in. Nothing is known of it, so calls may wait in it. It
// has no Config, so the methods that take one are missing, but for Traits.
type anyGuard struct{ methods }

func (anyGuard) Traits(resilience.Stage) Traits                      { return Traits{Wait: Endless} }
func (anyGuard) InForce(resilience.Policy) resilience.Stage          { return nil }
func (anyGuard) Link(p resilience.Policy, _ Place) resilience.Policy { return p }
func (anyGuard) Worth(resilience.Policy) Worth                       { return Plain }
func (anyGuard) Report(resilience.Policy) Report                     { return Report{} }
