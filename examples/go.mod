module github.com/media-gateway/holdfast/examples

go 1.26.0

require (
	github.com/jackc/pgx/v5 v5.13.0
	github.com/media-gateway/holdfast v0.1.0
	github.com/media-gateway/holdfast/holdfastgrpc v0.1.0
	github.com/media-gateway/holdfast/holdfastpgx v0.1.0
	github.com/media-gateway/holdfast/holdfastredis v0.1.0
	github.com/redis/go-redis/v9 v9.23.0
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/fsnotify/fsnotify v1.10.1 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/sony/gobreaker/v2 v2.4.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sync v0.25.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
	golang.org/x/time v0.16.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261110000943-09e21b237f2c // indirect
)

replace (
	github.com/media-gateway/holdfast => ../
	github.com/media-gateway/holdfast/holdfastgrpc => ../holdfastgrpc
	github.com/media-gateway/holdfast/holdfastpgx => ../holdfastpgx
	github.com/media-gateway/holdfast/holdfastredis => ../holdfastredis
)
