package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// source is the file that is read now.
type source struct {
	problems
	effort
	name     string
	data     []byte
	starts   []int                              // offsets of the lines in data
	variable string                             // "HOLDFAST_PAYMENTS_DEADLINE=2s" while this variable is read; "" while the file is
	hints    map[string]string                  // by id: see once
	last     struct{ offset, line, column int } // the last result of at; line and column from 0
}

func newSource(name string, data []byte) *source {
	return &source{name: name, data: bytes.TrimPrefix(data, []byte("\ufeff"))}
}

// read returns the file's only document: a mapping that checkSize has accepted. If there is none,
// it notes the problem and returns nil.
func (s *source) read() *yaml.Node {
	switch {
	case len(s.data) > maxSize:
		s.failFile("is larger than %d KiB; want a smaller file", maxSize>>10)
		return nil
	case !utf8.Valid(s.data):
		s.failText()
		return nil
	case bytes.Count(s.data, []byte("\n%")) > maxDirectives:
		s.failFile("has more than %d lines that begin with %%, which are directives to YAML; want none", maxDirectives)
		return nil
	}
	s.starts = lineStarts(s.data)
	root := s.document()
	if root == nil {
		return nil
	}
	if !s.checkSize(root) {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		s.fail(root, "", "the file is %s; want a mapping with the key services", describe(root))
		return nil
	}
	return root
}

func (s *source) document() *yaml.Node {
	var notJSON *jsonError
	isJSON := strings.EqualFold(path.Ext(s.name), ".json") || jsonStart.Match(s.data)
	if isJSON || bytes.HasPrefix(bytes.TrimSpace(s.data), []byte("{")) {
		var root *yaml.Node
		if root, notJSON = jsonNode(s.data, s.at); notJSON == nil {
			return root
		}
		// It may still be YAML: a YAML file may begin with a brace, or have a name that ends in
		// .json.
	}
	s.parsed += len(s.data)
	root, next, err := yamlNodes(s.data)
	switch {
	case err != nil && isJSON:
		line, column := s.at(notJSON.offset)
		s.failAt(line, column, 1, "", "not JSON: "+notJSON.Error()+jsonHint(notJSON.Error()), nil)
		return nil
	case err != nil:
		s.failSyntax(err)
		return nil
	case root == nil:
		s.failFile("is empty; want at least services: {payments: {template: critical}}")
		return nil
	case next != nil:
		s.fail(next, "", "a second document begins here; want one in a file")
		return nil
	}
	return root
}

// yamlNodes returns the first document, and the second if there is one. Aliases are not followed.
func yamlNodes(data []byte) (first, second *yaml.Node, err error) {
	defer func() { // the library returns its own panics as errors; another panic must not end the program
		if r := recover(); r != nil {
			first, second, err = nil, nil, fmt.Errorf("the YAML parser failed: %v", r)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	for _, at := range []**yaml.Node{&first, &second} {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return first, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if len(n.Content) == 0 {
			return first, nil, nil
		}
		*at = n.Content[0]
		if at == &first && (*at).ShortTag() == "!!null" && (*at).Value == "" {
			first = nil // nothing but comments
			return nil, nil, nil
		}
	}
	return first, second, nil
}

// at returns the line and column of an offset, both from 1, the column in characters. It continues
// from its last result: otherwise a large file without line ends would take quadratic time.
func (s *source) at(offset int) (line, column int) {
	if offset < s.last.offset {
		s.last.offset, s.last.line, s.last.column = 0, 0, 0
	}
	for s.last.line+1 < len(s.starts) && s.starts[s.last.line+1] <= offset {
		s.last.line++
		s.walked++
		s.last.offset, s.last.column = s.starts[s.last.line], 0
	}
	s.last.column += utf8.RuneCount(s.data[s.last.offset:offset])
	s.walked += offset - s.last.offset
	s.last.offset = offset
	return s.last.line + 1, s.last.column + 1
}

// line returns the text of a line without its line end.
func (s *source) line(number int) string {
	if number < 1 || number > len(s.starts) {
		return ""
	}
	end := len(s.data)
	if number < len(s.starts) {
		end = s.starts[number]
	}
	return strings.TrimRight(string(s.data[s.starts[number-1]:end]), "\r\n\u0085\u2028\u2029")
}

// lineStarts returns the offsets at which lines begin, by YAML's definition of a line end.
func lineStarts(data []byte) []int {
	starts := []int{0}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		i += n
		switch r {
		case '\r':
			if i < len(data) && data[i] == '\n' {
				i++
			}
		case '\n', '\u0085', '\u2028', '\u2029':
		default:
			continue
		}
		starts = append(starts, i)
	}
	return starts
}

// fail notes a problem with the value at a path. The message is the path and the format:
// "services.payments.deadline" + " is -1; want …".
func (s *source) fail(n *yaml.Node, path, format string, args ...any) {
	s.failAt(n.Line, n.Column, width(n), path, path+fmt.Sprintf(format, args...), nil)
}

// failIn notes a problem inside the mapping or list at a path.
func (s *source) failIn(n *yaml.Node, path, format string, args ...any) {
	if path != "" {
		format = ": " + format
	}
	s.fail(n, path, format, args...)
}

func (s *source) failAt(line, column, width int, path, message string, err error) {
	if s.variable != "" {
		message = s.variable + ": " + message
	} else if line > len(s.starts) { // the parser adds a line end to a last line that has none
		line, column = len(s.starts), 0
	}
	p := &Problem{File: s.name, Line: line, Column: column, Path: path, Message: strings.Map(printable, message), err: err}
	if s.variable != "" {
		p.File, p.Line, p.Column = environmentFile, 0, 0
	}
	if s.add(p) && s.variable == "" {
		p.show(s.line(line), width)
	}
}

func (s *source) failFile(format string, args ...any) {
	s.add(&Problem{File: s.name, Message: "the file " + fmt.Sprintf(format, args...)})
}

// failText notes the place of the first byte that is not UTF-8.
func (s *source) failText() {
	at := 0
	for at < len(s.data) {
		r, n := utf8.DecodeRune(s.data[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	s.starts = lineStarts(s.data)
	line, column := s.at(at)
	s.failAt(line, column, 1, "", fmt.Sprintf("the byte 0x%02x here is not UTF-8; want the file saved as UTF-8", s.data[at]), nil)
}

var (
	jsonStart     = regexp.MustCompile(`^\s*\{\s*"`)
	syntaxLine    = regexp.MustCompile(`^line \d+: `)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// failSyntax notes an error of the YAML parser.
func (s *source) failSyntax(err error) {
	message := syntaxMessage(err)
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		line, column := s.at(max(0, bytes.Index(s.data, []byte("*"+m[1]))))
		s.failAt(line, column, 1+utf8.RuneCountInString(m[1]), "",
			fmt.Sprintf("*%s is the alias of no anchor; want &%s at some value above it", m[1], m[1]), nil)
		return
	}
	line := s.firstBadLine(err, message)
	if i := strings.IndexByte(indent(s.line(line)), '\t'); i >= 0 {
		s.failAt(line, i+1, 1, "", "the line is indented with a tab; YAML wants spaces", nil)
		return
	}
	if conflict.MatchString(s.line(line)) {
		s.failAt(line, 1, utf8.RuneCountInString(s.line(line)), "", "not YAML: a merge conflict was left in the file", nil)
		return
	}
	if hint, ok := syntaxHints[message]; ok {
		message += hint
	}
	s.failAt(line, 0, 0, "", "not YAML: "+message, nil)
}

func syntaxMessage(err error) string {
	return syntaxLine.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "")
}

// firstBadLine returns the line on which an error begins. The parser only gives the line on which
// the enclosing block begins, which may be the first of the file. If the first n lines have the
// error, so have the first n+1: a binary search finds the line. For a large file that takes too
// long, and the line is the parser's.
func (s *source) firstBadLine(err error, message string) int {
	if len(s.data) > maxSize/8 {
		line := 1
		_, _ = fmt.Sscanf(err.Error(), "yaml: line %d:", &line) // the first, if the error gives no line
		return line
	}
	return 1 + sort.Search(len(s.starts)-1, func(i int) bool {
		s.parsed += s.starts[i+1]
		_, _, err := yamlNodes(s.data[:s.starts[i+1]])
		return err != nil && syntaxMessage(err) == message
	})
}

// indent returns the spaces and tabs at the beginning of a line.
func indent(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " \t"))] }

// width returns how many characters of its line to mark for a node: 1 for a mapping, a list or a
// block scalar.
func width(n *yaml.Node) int {
	switch {
	case n.Kind == yaml.AliasNode:
		return 1 + utf8.RuneCountInString(n.Value)
	case n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return 1
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		return 2 + utf8.RuneCountInString(n.Value)
	}
	return utf8.RuneCountInString(n.Value)
}
