module github.com/media-gateway/holdfast/examples

go 1.26.0
