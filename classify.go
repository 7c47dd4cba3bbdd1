package holdfast

import (
	"errors"

	"github.com/media-gateway/holdfast/resilience"
)

// Classify returns a stage that says what the errors of the pipeline's op mean: to its retry loop,
// its breakers, its events and what an adaptive loop learns. It goes first, before or after
// [Observe]:
//
//	holdfast.Classify(resilience.Errors(resilience.Permanent, pay.ErrDeclined, pay.ErrLimit))
//
// The classifiers are asked in order, and the first that knows the error decides (see
// resilience.Classifiers). If none does, resilience.Classify decides, and an error that it does not
// know is Unclassified. Errors that explain themselves, and the end of the caller's ctx, come
// before all classifiers: see resilience.Assess. A stage whose Config has its own Classify uses
// that.
func Classify(classifiers ...resilience.Classifier) resilience.Stage { return classify(classifiers) }

type classify []resilience.Classifier

// Build checks the classifiers. A pipeline does not use the Policy.
func (c classify) Build() (resilience.Policy, error) {
	if len(c) == 0 {
		return nil, errors.New("classify: no classifier; want at least one")
	}
	for _, classifier := range c {
		if classifier == nil {
			return nil, errors.New("classify: a nil Classifier; leave it out, or give one")
		}
	}
	return passOn, nil
}

func (classify) frontName() string { return "Classify" }

func (c classify) join(b *assembler) {
	b.classifier = resilience.Classifiers(append([]resilience.Classifier{b.classifier}, c...)...)
}

// SilenceUnclassified returns a stage that turns off the warnings about unclassified errors (the
// EventUnclassified and the line in the log), for a pipeline in which they are expected. It goes
// first, before or after [Observe]. Such errors are still counted, and treated as Unclassified.
func SilenceUnclassified() resilience.Stage { return silence{} }

type silence struct{}

// Build does nothing. A pipeline does not use the Policy.
func (silence) Build() (resilience.Policy, error) { return passOn, nil }

func (silence) frontName() string { return "SilenceUnclassified" }

func (silence) join(b *assembler) { b.silent = true }

// passOn is the policy of a frontStage. It does nothing.
var passOn = resilience.PolicyFunc(func(next resilience.Func) resilience.Func { return next })
