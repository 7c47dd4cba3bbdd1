package wraptest_test

import (
	"testing"

	"github.com/media-gateway/holdfast/internal/wordwrap/wraptest"
)

func TestRequire(t *testing.T) {
	for _, text := range []string{"", "one two", "one\ntwo", "two  \n", "unbelievable\none"} {
		wraptest.Require(t, text, 8, "one two unbelievable")
	}
}
