package config

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
)

// optionsFor returns what valid options set.
func optionsFor(t *testing.T, given ...WatchOption) options {
	t.Helper()
	o, err := optionsOf(given)
	require.NoError(t, err)
	return o
}

// Options for watching compile only for Watch; options for reading compile everywhere.
func TestLoadTakesNoOptionOfWatch(t *testing.T) {
	option, watch := reflect.TypeFor[Option](), reflect.TypeFor[WatchOption]()
	require.False(t, watch.Implements(option))
	require.True(t, option.Implements(watch))
	for _, o := range []WatchOption{WithPoll(ms), WithDebounce(ms), WithOnReload(func(Reload) {})} {
		require.False(t, reflect.TypeOf(o).Implements(option))
	}
	takes := func(f any) reflect.Type { return reflect.TypeOf(f).In(reflect.TypeOf(f).NumIn() - 1).Elem() }
	require.Equal(t, watch, takes(Watch))
	for _, f := range []any{Load, LoadFS, Parse} {
		require.Equal(t, option, takes(f))
	}
}

func TestWrongOptions(t *testing.T) {
	const file = "services: {}"
	_, err := Watch(t.Context(), "f", holdfast.NewRegistry(), WithDebounce(-1), WithPoll(-2), WithOnReload(nil), nil)
	require.EqualError(t, err, "config: WithOnReload is nil; want a function; to log reloads, leave it out\n"+
		"config: option 4 is nil; leave it out\n"+
		"config: WithDebounce is -1ns; want a positive duration and up to 1h0m0s, or 0 for the default (100ms)\n"+
		"config: WithPoll is -2ns; want a positive duration, 0 for the default (30s), or -1 for never")
	const longest = time.Duration(math.MaxInt64) // times 10, it would be negative
	_, err = Watch(t.Context(), "f", holdfast.NewRegistry(), WithDebounce(longest))
	require.EqualError(t, err, "config: WithDebounce is 2562047h47m16.854775807s; want a positive duration and up to 1h0m0s, or 0 for the default (100ms)")
	require.Equal(t, time.Hour, optionsFor(t, WithDebounce(time.Hour)).debounce)
	_, err = Parse(strings.NewReader(file), nil)
	require.EqualError(t, err, "config: option 1 is nil; leave it out")
	_, err = Parse(strings.NewReader(file), WithEnvironment(nil))
	require.NoError(t, err)
}
