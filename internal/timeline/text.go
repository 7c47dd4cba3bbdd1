package timeline

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/internal/plan"
)

// LeastWidth is the fewest columns that a chart fits in.
const LeastWidth = 40

// Text draws the chart for a terminal with width columns, at least LeastWidth; if ascii is true,
// with ASCII characters only. A column shows what happens in its middle. An attempt too short to
// include the middle of a column gets the column in which it begins.
func (c Chart) Text(width int, ascii bool) string {
	t := text{width: max(width, LeastWidth), scale: c.axis(), ascii: ascii}
	t.columns = t.width - indent - 1
	t.chain(c)
	for i, r := range c.rows() {
		t.line("")
		t.words(r.title, pad)
		if i == 0 {
			t.axis()
		}
		t.bar(c, r)
		t.words(c.outcome(r.Schedule), pad)
	}
	t.line("")
	t.wrap(t.legend(), "  ", pad, pad)
	t.line("")
	t.table(append([][]string{slices.Clone(tableHeader[:])}, c.tableRows()...))
	if notes := c.notes(t.scale); len(notes) > 0 {
		t.line("")
		for _, n := range notes {
			t.words(n, pad+"  ")
		}
	}
	return t.b.String()
}

const (
	indent = 2
	pad    = "  "
)

// The characters of a bar.
const (
	drawAttempt  = '█'
	drawNext     = '▐' // the first column of an attempt right after another, with no column between
	drawCut      = '▓' // an attempt that the call's deadline ends
	drawPause    = '░' // the shortest that the pause can be
	drawJitter   = '·' // what jitter may add to the pause
	drawDeadline = '│'
	drawOn       = '…' // the call goes on beyond the axis
	drawForever  = '▶' // an attempt that nothing ends
)

var (
	plainBars = map[rune]rune{
		drawAttempt: '#', drawNext: '[', drawCut: '%', drawPause: '-', drawJitter: '.', drawDeadline: '|', drawOn: '>', drawForever: '>',
		'├': '+', '┼': '+', '┤': '+', '─': '-',
	}
	plainWords = strings.NewReplacer("→", "->", "×", "x", "…", "..", "–", "-", "µ", "u")
)

// ASCII returns words in ASCII characters only, as Text writes them if ascii is true.
func ASCII(words string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, plainWords.Replace(words))
}

// text is a drawing in the making.
type text struct {
	b       strings.Builder
	width   int
	columns int // of the axis; one more is for its end
	scale   scale
	ascii   bool
	used    []rune // the bars' characters so far, for the legend
}

func (t *text) line(s string) { t.b.WriteString(strings.TrimRight(s, " ") + "\n") }

// cells writes a line of a drawing.
func (t *text) cells(cells []rune) {
	for i := range cells {
		cells[i] = t.cell(cells[i])
	}
	t.line(pad + string(cells))
}

func (t *text) cell(r rune) rune {
	if plain, ok := plainBars[r]; ok && t.ascii {
		return plain
	}
	return r
}

// plain returns words that are safe to print: a name may contain control characters, and these must
// not reach the terminal.
func (t *text) plain(words string) string {
	words = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, words)
	if t.ascii {
		return ASCII(words)
	}
	return words
}

// words writes a text in lines. All but the first begin with further.
func (t *text) words(text, further string) { t.wrap(strings.Split(text, " "), " ", pad, further) }

// chain writes the name and the stages.
func (t *text) chain(c Chart) {
	stages := strings.Split(c.Name+": "+c.Chain, arrow)
	for i := range stages[:len(stages)-1] {
		stages[i] += strings.TrimRight(arrow, " ")
	}
	t.wrap(stages, " ", "", "    ")
}

// wrap writes pieces in lines. The first line begins with first, the others with further.
func (t *text) wrap(pieces []string, between, first, further string) {
	line, empty := first, true
	for _, piece := range t.pieces(pieces, further) {
		if !empty && utf8.RuneCountInString(line+between+piece) > t.width {
			t.line(line)
			line, empty = further, true
		}
		if !empty {
			line += between
		}
		line, empty = line+piece, false
	}
	t.line(line)
}

// pieces returns pieces as they are shown. One that is longer than a line is divided into words.
func (t *text) pieces(pieces []string, further string) []string {
	var shown []string
	for _, piece := range pieces {
		piece = t.plain(piece)
		if utf8.RuneCountInString(further+piece) > t.width {
			shown = append(shown, strings.Split(piece, " ")...)
		} else {
			shown = append(shown, piece)
		}
	}
	return shown
}

// table writes rows in columns, or each row in words where there is not room enough for columns.
func (t *text) table(rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i := range r {
			r[i] = t.plain(r[i])
			width[i] = max(width[i], utf8.RuneCountInString(r[i]))
		}
	}
	total := 0
	for _, w := range width {
		total += w + len(pad)
	}
	if total > t.width {
		for _, r := range rows[1:] {
			pieces := []string{rows[0][0] + r[0]}
			for i, cell := range r[1:] {
				if cell != "" {
					pieces = append(pieces, rows[0][i+1]+" "+cell)
				}
			}
			t.wrap(pieces, "  ", pad, pad+"  ")
		}
		return
	}
	for _, r := range rows {
		line := pad
		for i, cell := range r {
			line += cell + strings.Repeat(" ", width[i]+2-utf8.RuneCountInString(cell))
		}
		t.line(line)
	}
}

// axis writes the labels, and the axis below them.
func (t *text) axis() {
	axis := []rune(strings.Repeat("─", t.columns+1))
	labels := []rune(strings.Repeat(" ", t.columns+1))
	end := ""
	if t.scale.deadline {
		end = "deadline " + short(t.scale.end)
		axis[t.columns] = '┤'
	}
	from := t.columns + 1 - utf8.RuneCountInString(end)
	copy(labels[from:], []rune(end))
	free := 0 // the first column that is free for a label
	for _, tick := range t.scale.ticks(t.columns / 10) {
		column := t.column(tick)
		axis[column] = '┼'
		if label := []rune(short(tick)); column >= free && column+len(label)+min(1, len(end)) <= from {
			copy(labels[column:], label)
			free = column + len(label) + 1
		}
	}
	axis[0] = '├'
	t.line(pad + t.plain(string(labels)))
	t.cells(axis)
}

// column returns the column of a moment.
func (t *text) column(moment time.Duration) int {
	return min(t.columns, int(t.scale.at(moment, float64(t.columns))))
}

// first returns the first column whose middle is not before a moment.
func (t *text) first(moment time.Duration) int {
	at := t.scale.at(moment, float64(t.columns))
	column := int(at)
	if at-float64(column) > 0.5 {
		column++
	}
	return column
}

// bar writes the attempts and pauses of a row, and the attempts' numbers below them.
func (t *text) bar(c Chart, r row) {
	cells := []rune(strings.Repeat(" ", t.columns+1))
	numbers := []rune(strings.Repeat(" ", t.columns+1))
	attempts, next := t.scale.running(r.Schedule)
	t.scale.pauses(r.Schedule, func(began time.Duration, before plan.Attempt) {
		t.pause(cells, began, before, c.plan.Pause(before.Number-2))
	})
	free := 0
	for i, a := range attempts {
		from := t.attempt(cells, a, i > 0)
		if label := []rune(strconv.Itoa(a.Number)); from >= free && from+len(label) <= len(numbers) {
			copy(numbers[from:], label)
			free = from + len(label) + 1
		}
	}
	switch {
	case t.scale.deadline:
		cells[t.columns] = drawDeadline
	case len(attempts) > 0 && attempts[len(attempts)-1].End == plan.Forever:
		cells[t.columns] = drawForever
	case next != nil:
		cells[t.columns] = drawOn
	}
	for _, cell := range cells {
		t.use(cell)
	}
	t.cells(cells)
	t.cells(numbers)
}

// pause draws the pause before a: the shortest that it can be, and what jitter may add.
func (t *text) pause(cells []rune, began time.Duration, a plan.Attempt, p plan.Pause) {
	least := began + min(p.Shortest, a.Pause)
	for column := t.first(began); column < t.first(a.Start); column++ {
		if cells[column] = drawJitter; column < t.first(least) {
			cells[column] = drawPause
		}
	}
}

// attempt draws a, and returns the column in which it begins.
func (t *text) attempt(cells []rune, a plan.Attempt, follows bool) int {
	from, to := t.first(a.Start), t.first(a.End)
	if from >= to {
		from = min(t.column(a.Start), t.columns-1)
		to = from + 1
	}
	draw := drawAttempt
	if a.Cut {
		draw = drawCut
	}
	for column := from; column < to; column++ {
		cells[column] = draw
	}
	if follows && !a.Cut && from > 0 && to-from > 1 && (cells[from-1] == drawAttempt || cells[from-1] == drawNext) {
		cells[from] = drawNext
	}
	return from
}

func (t *text) use(cell rune) {
	if !strings.ContainsRune(string(t.used), cell) {
		t.used = append(t.used, cell)
	}
}

// legend explains the characters that were used.
func (t *text) legend() []string {
	var parts []string
	for _, key := range []struct {
		draw  rune
		means string
	}{
		{drawAttempt, "attempt"},
		{drawCut, "attempt, cut by the call's deadline"},
		{drawPause, "pause"},
		{drawJitter, "pause by jitter"},
		{drawDeadline, "deadline"},
		{drawForever, "without end"},
	} {
		if strings.ContainsRune(string(t.used), key.draw) {
			parts = append(parts, string(t.cell(key.draw))+" "+key.means)
		}
	}
	if !t.scale.blank {
		parts = append(parts, "a column is "+short(t.scale.end/time.Duration(t.columns)))
	}
	return parts
}
