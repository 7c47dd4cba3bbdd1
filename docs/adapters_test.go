package docs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
)

// Client sends text messages through a pipeline.
type Client struct {
	options
	pipeline *holdfast.Pipeline
}

// Option changes what New makes.
type Option func(*options)

type options struct {
	sender string
	wrong  *adapter.Check
}

// WithSender sets who the messages are from.
func WithSender(sender string) Option {
	return func(o *options) {
		if sender == "" {
			o.wrong.Fail("WithSender", `""`, "want a name or a number")
		}
		o.sender = sender
	}
}

// New returns a Client whose messages go through p.
func New(p *holdfast.Pipeline, opts ...Option) (*Client, error) {
	o := options{wrong: &adapter.Check{Package: "sms"}}
	adapter.Apply(o.wrong, &o, opts)
	o.wrong.Pipeline(p)
	if err := o.wrong.Err(); err != nil {
		return nil, err
	}
	return &Client{o, p}, nil
}

// The constructor of adapters.md names all that is wrong at once.
func TestConstructorOfTheDocs(t *testing.T) {
	_, err := New(nil, nil, WithSender(""))
	require.EqualError(t, err, `sms: an option is nil; leave it out
sms: WithSender is ""; want a name or a number
sms: pipeline is nil; want one made by holdfast.New`)
	p := holdfast.Must(holdfast.New("sms", holdfast.Standard()...))
	c, err := New(p, WithSender("bank"))
	require.NoError(t, err)
	require.Equal(t, "bank", c.sender)
	require.Same(t, p, c.pipeline)
}
