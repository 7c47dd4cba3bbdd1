// A stranger's program that uses holdfastaws, on an AWS that is not there.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastaws"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	queue := holdfast.Must(holdfast.New("queue", retry.Custom(2, time.Millisecond, time.Millisecond, false)))
	cfg, err := holdfastaws.NewConfig(aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://127.0.0.1:1"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
		}),
	}, queue)
	if err != nil {
		log.Fatal(err)
	}
	_, err = sqs.NewFromConfig(cfg).ListQueues(context.Background(), &sqs.ListQueuesInput{})
	if attempts := queue.Snapshot().Attempts; !errors.Is(err, retry.ErrExhausted) || attempts != 3 {
		log.Fatal("want three attempts at a server that is not there: ", attempts, " ", err)
	}
	fmt.Println("ok: three attempts at a server that is not there")
}
