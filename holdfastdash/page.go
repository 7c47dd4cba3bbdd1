package holdfastdash

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"sync"
	"time"
)

//go:embed page
var pageFiles embed.FS

// asset is a file of the page.
type asset struct {
	content []byte
	media   string
	etag    string
}

var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// assets returns the page's files by name. The name of index.html is "".
var assets = sync.OnceValues(func() (map[string]asset, error) {
	files, err := pageFiles.ReadDir("page")
	if err != nil {
		return nil, err
	}
	all := map[string]asset{}
	for _, f := range files {
		content, err := pageFiles.ReadFile("page/" + f.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		a := asset{content, mediaTypes[path.Ext(f.Name())], `"` + hex.EncodeToString(sum[:8]) + `"`}
		if f.Name() == "index.html" {
			all[""] = a
		} else {
			all[f.Name()] = a
		}
	}
	return all, nil
})

func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if a.media != "" {
		h.Set("Content-Type", a.media)
	}
	h.Set("ETag", a.etag)
	h.Set("Cache-Control", "no-cache") // the browser must ask again; the ETag saves the transfer
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
}
