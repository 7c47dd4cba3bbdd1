package routers

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
)

func newEcho() *echo.Echo {
	e := echo.New()
	e.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	e.Use(middleware.Recover())
	return e
}

func echoRoutes(e *echo.Echo) {
	e.GET("/orders/:id", func(c *echo.Context) error {
		_, limited := c.Request().Context().Deadline()
		return c.String(http.StatusOK, fmt.Sprint(c.Param("id"), " ", limited))
	})
	e.GET("/stream", func(c *echo.Context) error {
		for i := range events {
			fmt.Fprintf(c.Response(), "data: %d\n", i)
			c.Response().(http.Flusher).Flush()
			c.Request().Context().Value(stepKey{}).(step).wait(c.Request())
		}
		return nil
	})
	e.GET("/ws", func(c *echo.Context) error { echoes(c.Response(), c.Request()); return nil })
	e.GET("/panic", func(*echo.Context) error { panic("a bug") })
	e.GET("/fails", func(*echo.Context) error { return echo.NewHTTPError(http.StatusBadGateway, "bad gateway") })
	e.GET("/slow", func(c *echo.Context) error { <-c.Request().Context().Done(); return c.Request().Context().Err() })
}

func useInEcho(e *echo.Echo, protect func(http.Handler) http.Handler) {
	e.Use(echo.WrapMiddleware(protect), func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if err := next(c); err != nil {
				e.HTTPErrorHandler(c, err) // now, so that the pipeline sees the status
			}
			return nil
		}
	})
}

func echoInside(protect func(http.Handler) http.Handler) http.Handler {
	e := newEcho()
	useInEcho(e, protect)
	echoRoutes(e)
	return e
}

func echoAround(protect func(http.Handler) http.Handler) http.Handler {
	e := newEcho()
	echoRoutes(e)
	return protect(e)
}

func TestEcho(t *testing.T) {
	t.Run("inside", func(t *testing.T) { try(t, echoInside, http.StatusInternalServerError) })
	t.Run("around", func(t *testing.T) { try(t, echoAround, http.StatusInternalServerError) })
}

// Pins: with echo.WrapMiddleware alone, echo writes a handler's error when the Middleware has
// returned. The client gets one response, also if that was the Middleware's.
func TestEchoWritesErrorsLater(t *testing.T) {
	routes := func(protect func(http.Handler) http.Handler) http.Handler {
		e := newEcho()
		e.Use(echo.WrapMiddleware(protect))
		echoRoutes(e)
		return e
	}
	for path, want := range map[string]string{
		"/fails":  "502 {\"message\":\"bad gateway\"}\n",
		"/slow":   "504 Gateway Timeout\n",
		"/absent": "404 {\"message\":\"Not Found\"}\n",
	} {
		p := long()
		if path == "/slow" {
			p = short()
		}
		s := serve(t, routes, p)
		resp, text := s.get(t, path)
		if got := fmt.Sprint(resp.StatusCode, " ", text); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		s.quiet(t)
	}
}
