package holdfast

import (
	"errors"

	"github.com/media-gateway/holdfast/resilience"
)

// Classify returns a stage that says what the errors of the pipeline's op mean, once for its retry
// loop, breaker, events and what an adaptive loop learns. It goes first, before or after [Observe]:
//
//	holdfast.Classify(resilience.Errors(resilience.Permanent, pay.ErrDeclined, pay.ErrLimit))
//
// The classifiers are asked in order, and the first word counts (see resilience.Classifiers). Where
// none has a word, resilience.Classify is asked, and what that does not know is Unclassified.
// Errors that explain themselves, and the end of the caller's ctx, go first: see resilience.Assess.
// A stage whose Config has a Classify of its own goes by that.
func Classify(classifiers ...resilience.Classifier) resilience.Stage { return classify(classifiers) }

type classify []resilience.Classifier

// Build checks the classifiers; a pipeline takes them without building.
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
	b.said = resilience.Classifiers(append([]resilience.Classifier{b.said}, c...)...)
}

// SilenceUnclassified returns a stage that turns off the warnings about errors which nobody has
// classified, for a pipeline in which they are expected. It goes first, before or after [Observe].
// Such errors are counted, reported and treated as ever.
func SilenceUnclassified() resilience.Stage { return silence{} }

type silence struct{}

// Build does nothing; a pipeline takes the stage without building.
func (silence) Build() (resilience.Policy, error) { return passOn, nil }

func (silence) frontName() string { return "SilenceUnclassified" }

func (silence) join(b *assembler) { b.silent = true }

// passOn is the policy of stages that stand around no call.
var passOn = resilience.PolicyFunc(func(next resilience.Func) resilience.Func { return next })
