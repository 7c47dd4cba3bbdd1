package storm_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/storm"
)

func TestSVG(t *testing.T) {
	s := outage
	s.Name = "a < b & c"
	first, second := storm.Run(t, outage, budgeted), storm.Run(t, s, bare)
	var b bytes.Buffer
	require.NoError(t, storm.WriteSVG(&b, first, second, first))
	text := b.String()
	elements := map[string]int{}
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
	require.Equal(t, 3, elements["g"], "a panel for each report")
	require.Equal(t, 6+3*6, elements["path"], "six lines in each, and six keys")
	require.Contains(t, text, "a &lt; b &amp; c")
	require.NotContains(t, text, "NaN")
	require.NotContains(t, text, "Inf")
	require.EqualError(t, storm.WriteSVG(&b), "storm: WriteSVG: no report to draw; want at least one")
	require.ErrorContains(t, storm.WriteSVG(&b, first, nil), "storm: WriteSVG: a report is nil; want one that Run returned")
	require.Error(t, storm.WriteSVG(full{}, first))
}

func ExampleWriteSVG() {
	scenario := storm.Scenario{
		Name: "once", Load: storm.Constant(10), For: 30 * time.Second,
		Triggers: []storm.Trigger{{At: 10 * time.Second, For: 5 * time.Second, ErrorRatio: 0.5}},
	}
	once, err := storm.Play(scenario, bare)
	if err != nil {
		fmt.Println(err)
		return
	}
	scenario.Name = "up to three times"
	thrice, err := storm.Play(scenario, threes)
	if err != nil {
		fmt.Println(err)
		return
	}
	var b bytes.Buffer // or a file
	err = storm.WriteSVG(&b, once, thrice)
	fmt.Println(strings.HasPrefix(b.String(), "<svg "), err)
	// Output: true <nil>
}

// drawn is the plot of a report of the scenario.
func drawn(t *testing.T, s storm.Scenario) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, storm.WriteSVG(&b, storm.Run(t, s, bare)))
	return b.String()
}

// What is wrong is shaded as long as it is: a trigger without an end, or with one after the load's,
// up to the right edge, and a spike too; a lull is not.
func TestSVGShadesTroubles(t *testing.T) {
	s := storm.Scenario{Load: storm.Constant(10), For: 40 * time.Second}
	for _, c := range []struct {
		name    string
		load    storm.Load
		trigger []storm.Trigger
		want    []string // x and width, of 460 pixels
	}{
		{"none", s.Load, nil, nil},
		{"with an end", s.Load, []storm.Trigger{{At: 10 * time.Second, For: 10 * time.Second}}, []string{`x="115.0" y="46" width="115.0"`}},
		{"without", s.Load, []storm.Trigger{{At: 10 * time.Second}}, []string{`x="115.0" y="46" width="345.0"`}},
		{"with one after the load's", s.Load, []storm.Trigger{{At: 10 * time.Second, For: time.Hour}}, []string{`x="115.0" y="46" width="345.0"`}},
		{"a spike", s.Load.Spike(20, 10*time.Second, 10*time.Second), nil, []string{`x="115.0" y="46" width="115.0"`}},
		{"a spike after the load", s.Load.Spike(20, time.Minute, 10*time.Second), nil, nil},
		{"a lull", s.Load.Spike(5, 10*time.Second, 10*time.Second), nil, nil},
	} {
		s.Load, s.Triggers = c.load, c.trigger
		text := drawn(t, s)
		require.Equal(t, len(c.want), strings.Count(text, `class="trigger"`), c.name)
		for _, want := range c.want {
			require.Contains(t, text, want, c.name)
		}
	}
}

// A name of any length leaves the figures alone: it has a line of its own, on which it is cut; the
// whole of it is there to be pointed at.
func TestSVGOfALongName(t *testing.T) {
	for name, want := range map[string]string{
		strings.Repeat("ü", 65): `y="12">` + strings.Repeat("ü", 65) + `<title>`,
		strings.Repeat("ü", 66): `y="12">` + strings.Repeat("ü", 64) + `…<title>` + strings.Repeat("ü", 66) + `</title>`,
	} {
		text := drawn(t, storm.Scenario{Name: name, Load: storm.Constant(10), For: 10 * time.Second})
		require.Contains(t, text, want)
		require.Contains(t, text, `<text y="26">goodput 100.0 %`)
	}
}

// Where no call was good, there is no latency, and no line at 0.
func TestSVGHasGaps(t *testing.T) {
	text := drawn(t, outage)
	_, p99, _ := strings.Cut(text, `class="line p99" d="`)
	p99, _, _ = strings.Cut(p99, `"`)
	require.Equal(t, 2, strings.Count(p99, "M"), "before the outage and after it: %s", p99)
	require.NotContains(t, text, "NaN")
}
