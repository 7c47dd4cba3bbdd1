package bulkhead

import "github.com/media-gateway/holdfast/internal/stage"

func init() {
	stage.Register(stage.Spec[Config, *Bulkhead]{
		Name:    "bulkhead",
		Traits:  traits,
		InForce: (*Bulkhead).Config,
		Renew:   renew,
		Report:  func(b *Bulkhead) stage.Report { return stage.Report{Stats: b.Stats()} },
	})
}

func traits(c Config) stage.Traits {
	t := stage.Traits{Wait: c.MaxWait, WaitsFor: "a place in the bulkhead", Refuses: "a full bulkhead"}
	if c.MaxWait < 0 {
		t.Wait = stage.Endless
	}
	return t
}

// renew keeps the bulkhead, and those in it, if its numbers are the same.
func renew(b *Bulkhead, c Config) (stage.Renewal[*Bulkhead], error) {
	r, err := c.Resolve()
	if err != nil {
		return stage.Renewal[*Bulkhead]{}, err
	}
	if r == b.config {
		return stage.Renewal[*Bulkhead]{Policy: b, Kept: true}, nil
	}
	fresh, err := New(c)
	return stage.Renewal[*Bulkhead]{Policy: fresh}, err
}
