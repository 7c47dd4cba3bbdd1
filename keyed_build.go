package holdfast

import (
	"fmt"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/internal/visible"
)

// build returns a new pipeline for key. It fails only if the Build of a stage fails that is not
// this module's.
func (k *Keyed[K]) build(key K) (*Pipeline, error) { return k.group.forKey(k.labelOf(key)) }

// maxLabel bounds the bytes that a key takes in names and logs, since a stranger may have chosen
// it.
const maxLabel = 128

// labelOf returns the name of key.
func (k *Keyed[K]) labelOf(key K) string {
	var label string
	switch s, ok := any(key).(string); {
	case k.label != nil:
		label = k.label(key)
	case ok:
		label = s
	default:
		label = fmt.Sprint(key)
	}
	if len(label) > maxLabel {
		cut := maxLabel
		for cut > maxLabel-utf8.UTFMax && !utf8.RuneStart(label[cut]) {
			cut--
		}
		label = label[:cut] + "…"
	}
	return visible.Name(label)
}
