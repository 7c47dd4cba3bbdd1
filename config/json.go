package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// JSON has its own decoder: the YAML parser takes neither tabs between tokens nor JSON's escapes
// for characters outside the basic multilingual plane. The result is the same nodes as YAML's.

// jsonError is an error in JSON and its place.
type jsonError struct {
	err    error
	offset int // in the file
}

func (e *jsonError) Error() string { return e.err.Error() }

var errTooDeep = fmt.Errorf("a value nested more than %d deep; want fewer levels", maxDepth)

type jsonReader struct {
	data    []byte
	decoder *json.Decoder
	at      func(offset int) (line, column int)
}

// jsonNode returns the value that data holds.
func jsonNode(data []byte, at func(offset int) (line, column int)) (*yaml.Node, *jsonError) {
	r := jsonReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), at: at}
	r.decoder.UseNumber()
	n, err := r.node(1)
	if err == nil {
		if _, err = r.decoder.Token(); errors.Is(err, io.EOF) {
			return n, nil
		}
		return nil, &jsonError{err: errors.New("more follows after the end of the value"), offset: min(r.next(), len(data))}
	}
	offset := min(int(r.decoder.InputOffset()), len(data))
	if errors.Is(err, errTooDeep) {
		return nil, &jsonError{err, offset}
	}
	if wrong := mistake(data); wrong != nil {
		return nil, wrong
	}
	return nil, &jsonError{err, offset}
}

// mistake returns what is wrong with data, and where, or nil if that is JSON. Decode finds it,
// since the error of Token is another one from Go 1.27 on, and says less.
func mistake(data []byte) *jsonError {
	var whole json.RawMessage
	var syntax *json.SyntaxError
	switch err := json.NewDecoder(bytes.NewReader(data)).Decode(&whole); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &jsonError{errors.New("the file ends too soon"), len(data)}
	case errors.As(err, &syntax):
		return &jsonError{err, min(max(int(syntax.Offset)-1, 0), len(data))}
	}
	return nil
}

// node reads a value. It bounds the depth, since json.Decoder.Token does not.
func (r *jsonReader) node(depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	n := &yaml.Node{Kind: yaml.ScalarNode}
	n.Line, n.Column = r.at(r.next())
	token, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		if t == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		for r.decoder.More() {
			c, err := r.node(depth + 1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, c)
		}
		_, err = r.decoder.Token()
		if err == nil && n.Kind == yaml.MappingNode && len(n.Content)%2 != 0 {
			err = errors.New("a key without a value")
		}
		return n, err
	case string:
		n.Tag, n.Value, n.Style = "!!str", t, yaml.DoubleQuotedStyle
	case json.Number:
		n.Value = t.String()
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(t)
	case nil:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

// next returns the offset of the next token.
func (r *jsonReader) next() int {
	i := int(r.decoder.InputOffset())
	for i < len(r.data) && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[i]) >= 0 {
		i++
	}
	return i
}
