module github.com/media-gateway/holdfast/holdfastmysql

go 1.26.0

require (
	github.com/go-sql-driver/mysql v1.10.1
	github.com/media-gateway/holdfast v0.1.0
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/sony/gobreaker/v2 v2.4.0 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/media-gateway/holdfast => ../
