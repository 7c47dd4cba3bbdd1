package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/lint"
)

var findingCode = regexp.MustCompile(`^HF\d{3}$`)

// readSilences reads a list of {code: HF012, reason: "…"}.
func (s *source) readSilences(n *yaml.Node, path string) (silences []lint.Silence) {
	k, _ := keyOf("lint.ignore")
	if n.Kind != yaml.SequenceNode {
		s.fail(n, path, " is %s; %s", describe(n), k.want())
		return nil
	}
	for _, item := range n.Content {
		item = deref(item)
		if item.Kind != yaml.MappingNode {
			s.failIn(item, path, `an entry is %s; want {code: HF012, reason: "why that is all right"}`, describe(item))
			continue
		}
		if silence, ok := s.readSilence(item, path); ok {
			silences = append(silences, silence)
		}
	}
	return silences
}

func (s *source) readSilence(n *yaml.Node, path string) (lint.Silence, bool) {
	silence := lint.Silence{Line: n.Line}
	wrong := false
	for _, p := range s.pairs(n, path) {
		isText := p.value.Kind == yaml.ScalarNode && p.value.ShortTag() == "!!str"
		switch p.name {
		case "code":
			if silence.Code = p.value.Value; !isText || !findingCode.MatchString(silence.Code) {
				s.wrongKind(p, path+".code", "want the code of a finding, such as HF012")
				wrong = true
			}
		case "reason":
			if silence.Reason = strings.TrimSpace(p.value.Value); !isText || silence.Reason == "" {
				s.wrongKind(p, path+".reason", "want a sentence that says why the finding is all right")
				wrong = true
			}
		default:
			s.unknown(p, path, []string{"code", "reason"}, "")
			wrong = true
		}
	}
	if wrong {
		return lint.Silence{}, false
	}
	switch {
	case silence.Code == "":
		s.failIn(n, path, "an entry has no code; want one, such as HF012")
	case silence.Reason == "":
		s.failIn(n, path, "%s is silenced without a reason; want one, so that the next reader knows why", silence.Code)
	default:
		return silence, true
	}
	return lint.Silence{}, false
}
