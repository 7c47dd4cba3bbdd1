// Package routers tries holdfasthttp.Middleware in net/http, chi, echo and gin: each as the
// framework's users would put it there. It is a module of its own, so that nothing else requires
// those frameworks.
package routers
