package routers

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
)

func newGin() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.RecoveryWithWriter(io.Discard))
	return r
}

func ginRoutes(r gin.IRouter) {
	r.GET("/orders/:id", func(c *gin.Context) {
		_, limited := c.Request.Context().Deadline()
		c.String(http.StatusOK, "%s %v", c.Param("id"), limited)
	})
	r.GET("/stream", func(c *gin.Context) {
		i := 0
		c.Stream(func(w io.Writer) bool {
			if i > 0 {
				c.Request.Context().Value(stepKey{}).(step).wait(c.Request)
			}
			if i == events {
				return false
			}
			fmt.Fprintf(w, "data: %d\n", i)
			i++
			return true
		})
	})
	r.GET("/ws", func(c *gin.Context) { echoes(c.Writer, c.Request) })
	r.GET("/panic", func(*gin.Context) { panic("a bug") })
	r.GET("/fails", func(c *gin.Context) { c.AbortWithStatus(http.StatusBadGateway) })
	r.GET("/slow", func(c *gin.Context) { <-c.Request.Context().Done() })
}

func useInGin(r *gin.Engine, protect func(http.Handler) http.Handler) {
	r.Use(func(c *gin.Context) {
		ran := false
		protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ran, c.Request = true, r
			c.Next() // handlers write to c.Writer, which tells the pipeline the status
		})).ServeHTTP(c.Writer, c.Request)
		if !ran {
			c.Abort()
		}
	})
}

func ginInside(protect func(http.Handler) http.Handler) http.Handler {
	r := newGin()
	useInGin(r, protect)
	ginRoutes(r)
	return r
}

func ginAround(protect func(http.Handler) http.Handler) http.Handler {
	r := newGin()
	ginRoutes(r)
	return protect(r)
}

func TestGin(t *testing.T) {
	t.Run("inside", func(t *testing.T) { try(t, ginInside, http.StatusGatewayTimeout) })
	t.Run("around", func(t *testing.T) { try(t, ginAround, http.StatusOK) })
}
