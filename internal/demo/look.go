package demo

import (
	"math"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/wordwrap"
)

// look is how something is shown.
type look struct {
	width int  // of a line, in characters
	color bool // by escape sequences
}

// mostProse is the width of a line of prose that is easy to read.
const mostProse = 96

// prose returns the width of a line of prose.
func (l look) prose() int { return min(l.width, mostProse) }

// paint colors text if there are colors.
func (l look) paint(color, text string) string {
	if !l.color || color == plain {
		return text
	}
	return color + text + plain
}

// widthOf returns columns, or the width of an old terminal if it is not known.
func widthOf(columns int) int {
	if columns <= 0 {
		return cli.ScreenColumns
	}
	return columns
}

// timeline draws strips of timelineSlices cells, each beside its name, or below it where there is
// not room enough.
type timeline struct {
	look
	head  string // above the names
	marks string // above the strips
	names []string
	cells [][]string
}

// row adds a strip.
func (t *timeline) row(name string, percents []*float64, glyph, color func(*float64) string) {
	cells := make([]string, len(percents))
	for i, p := range percents {
		cells[i] = t.paint(color(p), glyph(p))
	}
	t.names, t.cells = append(t.names, name), append(t.cells, cells)
}

// String returns the strips, below a line that says when what happened.
func (t *timeline) String() string {
	names := append([]string{t.head}, t.names...)
	name := 0
	for _, n := range names {
		name = max(name, utf8.RuneCountInString(n))
	}
	const gap = "  "
	beside := name+len(gap)+timelineSlices <= t.width
	var b strings.Builder
	for i, n := range names {
		line := t.marks
		if i > 0 {
			line = strings.TrimRight(strings.Join(t.cells[i-1], ""), " ")
		}
		switch {
		case beside:
			line = n + strings.Repeat(" ", name-utf8.RuneCountInString(n)) + gap + line
		case i > 0: // the head says nothing without a column of names
			b.WriteString(n + "\n")
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// marks returns a line that has each name above the cell in which its time begins. A name that
// would touch the one before it is left out.
func marks(names []string, lengths []float64) string {
	total := 0.0
	for _, length := range lengths {
		total += length
	}
	var b strings.Builder
	begin := 0.0
	for i, name := range names {
		column := int(math.Round(begin / total * timelineSlices))
		begin += lengths[i]
		if used := b.Len(); used > 0 && column <= used || column+len(name) > timelineSlices {
			continue
		}
		b.WriteString(strings.Repeat(" ", column-b.Len()) + name)
	}
	return b.String()
}

// grid aligns columns: the first to the left, the others to the right. The first row is the
// headings.
type grid struct{ rows [][]string }

func (g *grid) row(cells ...string) { g.rows = append(g.rows, cells) }

// text returns the rows in lines of at most width characters. If there is not room enough for
// columns, each row becomes a list.
func (g *grid) text(width int) string {
	heads, widths, ok := g.fit(width)
	if !ok {
		return g.list(width)
	}
	var b strings.Builder
	b.WriteString(g.headings(heads, widths))
	for _, row := range g.rows[1:] {
		b.WriteString(aligned(row, widths))
	}
	return b.String()
}

// fit returns the lines of each heading, and the width of each column, for lines of at most width
// characters. If they are too wide, the headings are broken at their blanks. It returns false if
// that is not enough.
func (g *grid) fit(width int) (heads [][]string, widths []int, ok bool) {
	heads = make([][]string, len(g.rows[0]))
	for i, head := range g.rows[0] {
		heads[i] = []string{head}
	}
	if widths, total := g.widths(heads); total <= width {
		return heads, widths, true
	}
	for i, head := range g.rows[0] {
		if i > 0 {
			heads[i] = strings.Fields(head)
		}
	}
	widths, total := g.widths(heads)
	for i, head := range g.rows[0] { // again, with the words that fit beside each other in one line
		if i > 0 {
			heads[i] = strings.Split(wordwrap.Text(head, widths[i]), "\n")
		}
	}
	return heads, widths, total <= width
}

// widths returns the width of each column with such headings, and of a line.
func (g *grid) widths(heads [][]string) (widths []int, total int) {
	widths = make([]int, len(heads))
	for i, lines := range heads {
		for _, cell := range lines {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
		for _, row := range g.rows[1:] {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		total += widths[i]
	}
	return widths, total + 2*(len(widths)-1)
}

// headings returns the headings, the last line of each at the bottom.
func (g *grid) headings(heads [][]string, widths []int) string {
	height := 0
	for _, lines := range heads {
		height = max(height, len(lines))
	}
	var b strings.Builder
	for y := range height {
		row := make([]string, len(heads))
		for i, lines := range heads {
			if at := y - (height - len(lines)); at >= 0 {
				row[i] = lines[at]
			}
		}
		b.WriteString(aligned(row, widths))
	}
	return b.String()
}

// aligned returns a line of the table.
func aligned(row []string, widths []int) string {
	var line strings.Builder
	for i, cell := range row {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i == 0 {
			line.WriteString(cell + pad)
		} else {
			line.WriteString("  " + pad + cell)
		}
	}
	return strings.TrimRight(line.String(), " ") + "\n"
}

// list returns each row's first cell, and below it the others beside their headings.
func (g *grid) list(width int) string {
	heads, name, value := g.rows[0], 0, 0
	for i, head := range heads[1:] {
		name = max(name, utf8.RuneCountInString(head))
		for _, row := range g.rows[1:] {
			value = max(value, utf8.RuneCountInString(row[i+1]))
		}
	}
	var b strings.Builder
	for _, row := range g.rows[1:] {
		b.WriteString(wordwrap.Text(strings.TrimSpace(heads[0]+" "+row[0]), width) + "\n")
		for i, cell := range row[1:] {
			b.WriteString(aligned([]string{"  " + heads[i+1], cell}, []int{name + 2, value}))
		}
	}
	return b.String()
}

// unit is the blank between a number and its unit.
var unit = regexp.MustCompile(`([0-9]) (%|ms|s)([^a-z]|$)`)

// wrapped breaks text into lines of at most width characters, but not between a number and
// its unit.
func wrapped(text string, width int) string {
	const unbroken = "\x00"
	return strings.ReplaceAll(wordwrap.Text(unit.ReplaceAllString(text, "$1"+unbroken+"$2$3"), width), unbroken, " ")
}
