package config

import "unicode"

// cells returns how many columns a terminal needs for a text: East Asian characters and emoji take
// two, combining marks none.
func cells(text string) (n int) {
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, wide):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wide are the characters of two columns that belong to no script: East Asian punctuation,
// fullwidth forms, emoji.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x3000, Hi: 0x303e, Stride: 1}, {Lo: 0x30fb, Hi: 0x30fc, Stride: 1}, {Lo: 0xff01, Hi: 0xff60, Stride: 1}, {Lo: 0xffe0, Hi: 0xffe6, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1}, {Lo: 0x1f900, Hi: 0x1faff, Stride: 1}},
}

// cut returns the first characters of a text, and the then characters that follow them.
func cut(text string, first, then int) (before, after string) {
	from, to, n := len(text), len(text), 0
	for i := range text {
		if n == first {
			from = i
		}
		if n == first+then {
			to = i
			break
		}
		n++
	}
	return text[:from], text[from:to]
}
