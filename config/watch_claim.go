package config

import (
	"fmt"
	"sync"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/visible"
)

// claims are the registries to which a Watcher applies a file, each with the path of the file. A
// registry holds the services of one file: of two, each reload would remove the other's services,
// and what both Watchers say of their files (Status, Reload.Changes) would be wrong.
var claims = struct {
	sync.Mutex
	paths map[*holdfast.Registry]string
}{paths: map[*holdfast.Registry]string{}}

// claim takes the registry for the file at path until release is called. It returns an error if
// another Watcher has it.
func claim(r *holdfast.Registry, path string) (release func(), err error) {
	claims.Lock()
	defer claims.Unlock()
	if other, taken := claims.paths[r]; taken {
		return nil, fmt.Errorf("config: the registry already follows %s; want a registry of its own for %s, or that Watcher closed first",
			visible.Name(other), visible.Name(path))
	}
	claims.paths[r] = path
	return func() {
		claims.Lock()
		defer claims.Unlock()
		delete(claims.paths, r)
	}, nil
}
