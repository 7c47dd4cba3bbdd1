package timeline

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/deadline"
)

// The picture in the documentation is what the command draws.
func TestPictureOfTheDocumentation(t *testing.T) {
	requireGolden(t, "../../docs/images/timeline-payments.svg", string(chartOf(t, "payments", payments()...).SVG()))
}

func TestSVGs(t *testing.T) {
	for name, stages := range charts {
		t.Run(name, func(t *testing.T) {
			svg := chartOf(t, "payments", stages...).SVG()
			requireGolden(t, golden(name, "svg"), string(svg))
			requireSound(t, svg)
		})
	}
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 3))
		requireSound(t, chartOf(t, "payments", randomStages(rng)...).SVG())
	}
}

// The picture is well-formed for any name of a service.
func TestSVGOfAnyName(t *testing.T) {
	for _, name := range []string{`<script>"&'`, "a\x00\x1bb", "\xff", strings.Repeat("long", 50), ""} {
		svg := chartOf(t, name, deadline.In(time.Second)).SVG()
		requireSound(t, svg)
		require.NotContains(t, string(svg), "<script")
	}
}

// box is the area of a text.
type box struct {
	left, right, top, bottom float64
	text                     string
}

// requireSound requires well-formed XML that needs nothing from outside, can be read aloud, and
// whose texts are all on the page and do not overlap.
func requireSound(t *testing.T, svg []byte) {
	t.Helper()
	require.Contains(t, string(svg), `role="img" aria-labelledby="title desc"`)
	require.Contains(t, string(svg), `<title id="title">`)
	require.Contains(t, string(svg), `<desc id="desc">`)
	require.Contains(t, string(svg), "prefers-color-scheme:dark")
	require.NotContains(t, strings.TrimPrefix(string(svg), `<svg xmlns="http://www.w3.org/2000/svg"`), "http")
	var width, height float64
	var texts []box
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	var current *box
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			require.NotContains(t, []string{"script", "image", "foreignObject", "a", "use"}, e.Name.Local)
			switch e.Name.Local {
			case "svg":
				size := strings.Fields(attribute(e, "viewBox"))
				width, height = parseNumber(t, size[2]), parseNumber(t, size[3])
			case "text":
				current = &box{left: parseNumber(t, attribute(e, "x")), bottom: parseNumber(t, attribute(e, "y")), text: attribute(e, "text-anchor") + "|" + attribute(e, "class") + "|"}
			case "rect", "pattern":
				require.GreaterOrEqual(t, parseNumber(t, attribute(e, "width")), 0.0)
			}
		case xml.CharData:
			if current != nil {
				current.text += string(e)
			}
		case xml.EndElement:
			if current != nil {
				texts = append(texts, current.laidOut())
				current = nil
			}
		}
	}
	require.InDelta(t, pictureWidth, width, 0)
	for i, b := range texts {
		require.True(t, b.left >= 0 && b.right <= width && b.top >= 0 && b.bottom <= height, "%+v is off the page of %v × %v", b, width, height)
		for _, other := range texts[:i] {
			require.False(t, b.left < other.right && other.left < b.right && b.top < other.bottom && other.top < b.bottom, "%+v and %+v overlap", b, other)
		}
	}
}

// laidOut returns the area of a text, for a font of the usual width.
func (b *box) laidOut() box {
	parts := strings.SplitN(b.text, "|", 3)
	size := 12.0
	switch {
	case parts[1] == "name":
		size = 16
	case strings.HasPrefix(parts[1], "tick"):
		size = 11
	}
	wide := 0.55 * size * float64(utf8.RuneCountInString(parts[2]))
	left := b.left
	switch parts[0] {
	case "middle":
		left -= wide / 2
	case "end":
		left -= wide
	}
	return box{left, left + wide, b.bottom - size*0.8, b.bottom + size*0.2, parts[2]}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func parseNumber(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}

func TestJSON(t *testing.T) {
	for name, stages := range charts {
		t.Run(name, func(t *testing.T) {
			text, err := json.MarshalIndent(chartOf(t, "payments", stages...), "", "  ")
			require.NoError(t, err)
			if name == "payments" || name == "no deadline at all" || name == "only code knows" {
				requireGolden(t, golden(name, "json"), string(text)+"\n")
			}
			var v struct {
				Worst, Quick struct {
					Attempts []struct{ Number int }
					Runs     int
				}
				Pauses []any
			}
			require.NoError(t, json.Unmarshal(text, &v))
			require.LessOrEqual(t, len(v.Worst.Attempts), mostListed)
		})
	}
}
