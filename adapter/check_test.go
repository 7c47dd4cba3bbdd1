package adapter_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
)

type option func(*[]string)

func TestCheckNamesAllThatIsWrong(t *testing.T) {
	c := &adapter.Check{Package: "sms"}
	require.NoError(t, c.Err())
	require.False(t, c.Pipeline(nil))
	require.False(t, c.Pipeline(new(holdfast.Pipeline)))
	require.False(t, c.Pipeline(holdfast.None()))
	require.True(t, c.Pipeline(newPipeline(t, "sms")))
	c.Fail("WithLimit", 0, "want 1 to %d", 7)

	var said []string
	say := func(word string) option { return func(all *[]string) { *all = append(*all, word) } }
	adapter.Apply(c, &said, []option{say("a"), nil, say("b")})
	require.Equal(t, []string{"a", "b"}, said)

	c.Package = "mms" // from here on
	require.False(t, c.NotNil("client", nil, "want a client"))
	require.EqualError(t, c.Err(), `sms: pipeline is nil; want one made by holdfast.New
sms: pipeline is zero; want one made by holdfast.New
sms: pipeline is holdfast.None; want one made by holdfast.New
sms: WithLimit is 0; want 1 to 7
sms: an option is nil; leave it out
mms: client is nil; want a client`)
	field, ok := errors.AsType[*resilience.FieldError](c.Err())
	require.True(t, ok)
	require.Equal(t, "pipeline", field.Field)
}

func TestNotNil(t *testing.T) {
	var (
		pointer *http.Client
		f       func()
		m       map[string]int
		s       []int
		ch      chan int
		trip    http.RoundTripper = (*http.Transport)(nil)
	)
	for _, v := range []any{nil, pointer, f, m, s, ch, trip} {
		c := &adapter.Check{Package: "sms"}
		require.False(t, c.NotNil("argument", v, "want one"), "%T", v)
		require.EqualError(t, c.Err(), "sms: argument is nil; want one", "%T", v)
	}
	for _, v := range []any{&http.Client{}, func() {}, map[string]int{}, []int{}, make(chan int), http.DefaultTransport, 0, ""} {
		c := &adapter.Check{Package: "sms"}
		require.True(t, c.NotNil("argument", v, "want one"), "%T", v)
		require.NoError(t, c.Err(), "%T", v)
	}
}
