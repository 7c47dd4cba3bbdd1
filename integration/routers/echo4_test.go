package routers

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

func newEcho4() *echo.Echo {
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(middleware.Recover())
	return e
}

func echo4Routes(e *echo.Echo) {
	e.GET("/orders/:id", func(c echo.Context) error {
		_, limited := c.Request().Context().Deadline()
		return c.String(http.StatusOK, fmt.Sprint(c.Param("id"), " ", limited))
	})
	e.GET("/stream", func(c echo.Context) error {
		for i := range events {
			fmt.Fprintf(c.Response(), "data: %d\n", i)
			c.Response().Flush()
			c.Request().Context().Value(stepKey{}).(step).wait(c.Request())
		}
		return nil
	})
	e.GET("/ws", func(c echo.Context) error { echoes(c.Response(), c.Request()); return nil })
	e.GET("/panic", func(echo.Context) error { panic("a bug") })
	e.GET("/fails", func(echo.Context) error { return echo.NewHTTPError(http.StatusBadGateway, "bad gateway") })
	e.GET("/slow", func(c echo.Context) error { <-c.Request().Context().Done(); return c.Request().Context().Err() })
}

func useInEcho4(e *echo.Echo, protect func(http.Handler) http.Handler) {
	e.Use(echo.WrapMiddleware(protect), func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := next(c); err != nil {
				e.HTTPErrorHandler(err, c) // now, so that the pipeline sees the status
			}
			return nil
		}
	})
}

func echo4Inside(protect func(http.Handler) http.Handler) http.Handler {
	e := newEcho4()
	useInEcho4(e, protect)
	echo4Routes(e)
	return e
}

func echo4Around(protect func(http.Handler) http.Handler) http.Handler {
	e := newEcho4()
	echo4Routes(e)
	return protect(e)
}

func TestEcho4(t *testing.T) {
	t.Run("inside", func(t *testing.T) { try(t, echo4Inside, http.StatusInternalServerError) })
	t.Run("around", func(t *testing.T) { try(t, echo4Around, http.StatusInternalServerError) })
}

// Pins: with echo.WrapMiddleware alone, echo writes a handler's error when the Middleware has
// returned. The client gets one response, also if that was the Middleware's.
func TestEcho4WritesErrorsLater(t *testing.T) {
	routes := func(protect func(http.Handler) http.Handler) http.Handler {
		e := newEcho4()
		e.Use(echo.WrapMiddleware(protect))
		echo4Routes(e)
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
