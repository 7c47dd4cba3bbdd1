package lint_test

import (
	"fmt"

	"github.com/media-gateway/holdfast/lint"
)

// The codes of all findings, for a page or an editor of your own.
func ExampleDocs() {
	docs := lint.Docs()
	fmt.Println(docs[0].Code, len(docs) > 40)
	// Output: HF001 true
}
