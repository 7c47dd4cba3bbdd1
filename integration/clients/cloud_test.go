package clients

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	dynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-github/v75/github"
	consul "github.com/hashicorp/consul/api"
	vault "github.com/hashicorp/vault/api"
	"github.com/minio/minio-go/v7"
	"github.com/stripe/stripe-go/v82"
	"golang.org/x/oauth2"
	k8serrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func response(status int, headers ...string) *http.Response {
	rec := httptest.NewRecorder()
	for i := 0; i+1 < len(headers); i += 2 {
		rec.Header().Set(headers[i], headers[i+1])
	}
	rec.WriteHeader(status)
	resp := rec.Result()
	resp.Request = &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "x"}}
	return resp
}

// operation is an error of AWS' SDK as it comes: the operation, around the HTTP response, around
// what that said.
func operation(status int, err error) error {
	return &smithy.OperationError{ServiceID: "X", OperationName: "Y", Err: &awshttp.ResponseError{
		RequestID:     "id",
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: response(status)}, Err: err},
	}}
}

func TestAWS(t *testing.T) {
	api := func(code string) error { return &smithy.GenericAPIError{Code: code} }
	sent := func(err error) error {
		return &smithy.OperationError{ServiceID: "S3", OperationName: "GetObject", Err: &smithyhttp.RequestSendError{Err: err}}
	}
	check(t, []row{
		{name: "ThrottlingException", err: api("ThrottlingException"), should: overload},
		{name: "ThrottlingException, with its status 400", err: operation(400, api("ThrottlingException")), should: overload},
		{name: "ProvisionedThroughputExceeded", err: operation(400, &dynamodb.ProvisionedThroughputExceededException{}), should: overload},
		{name: "TransactionInProgress", err: operation(400, &dynamodb.TransactionInProgressException{}), should: transient},
		{name: "ConditionalCheckFailed", err: operation(400, &dynamodb.ConditionalCheckFailedException{}), should: permanent},
		{name: "RequestTimeout with its status 400", err: operation(400, api("RequestTimeout")), should: transient},
		{name: "SlowDown", err: operation(503, api("SlowDown")), should: overload},
		{name: "a code that nobody knows, 500", err: operation(500, api("Odd")), should: transient},
		{name: "a code that nobody knows, 400", err: operation(400, api("Odd")), should: permanent},
		{name: "a code that nobody knows", err: api("Odd"), should: unclassified},
		{name: "connection reset", err: sent(syscall.ECONNRESET), should: transient},
		{name: "could not be sent", err: sent(errors.New("odd")), should: transient},
		{name: "unknown CA", err: sent(&url.Error{Op: "Get", URL: "x", Err: errors.New("unsupported protocol scheme \"foo\"")}), should: permanent},
	})
}

func TestHTTPAPIs(t *testing.T) {
	limited := response(403, "X-RateLimit-Remaining", "0")
	forbidden := response(403, "X-RateLimit-Remaining", "12")
	lastOne := response(404, "X-RateLimit-Remaining", "0")
	pods := schema.GroupResource{Resource: "pods"}
	check(t, []row{
		{name: "Azure: 429", err: runtime.NewResponseError(response(429)), should: overload},
		{name: "Azure: ServerBusy", err: runtime.NewResponseError(response(503, "x-ms-error-code", "ServerBusy")), should: overload},
		{name: "Azure: 500", err: runtime.NewResponseError(response(500)), should: transient},
		{name: "Azure: BlobNotFound", err: runtime.NewResponseError(response(404, "x-ms-error-code", "BlobNotFound")), should: permanent},
		{name: "GitHub: 502", err: &github.ErrorResponse{Response: response(502)}, should: transient},
		{name: "GitHub: 404", err: &github.ErrorResponse{Response: response(404)}, should: permanent},
		{name: "GitHub: 404, the last call before a limit", err: &github.ErrorResponse{Response: lastOne}, should: permanent},
		{name: "GitHub: rate limit (a 403)", err: &github.RateLimitError{Response: limited}, should: overload},
		{name: "GitHub: secondary rate limit (a 403)", err: &github.AbuseRateLimitError{Response: response(403, "Retry-After", "60")}, should: overload},
		{name: "GitHub: forbidden", err: &github.ErrorResponse{Response: forbidden}, should: permanent},
		{name: "OAuth: 503", err: &oauth2.RetrieveError{Response: response(503)}, should: transient},
		{name: "OAuth: 503 that asks to wait", err: &oauth2.RetrieveError{Response: response(503, "Retry-After", "1")}, should: overload},
		{name: "OAuth: invalid_grant", err: &oauth2.RetrieveError{Response: response(400), ErrorCode: "invalid_grant"}, should: permanent},
		{name: "MinIO: SlowDown", err: minio.ErrorResponse{Code: "SlowDown", StatusCode: 503}, should: overload},
		{name: "MinIO: RequestTimeout (a 400)", err: minio.ErrorResponse{Code: "RequestTimeout", StatusCode: 400}, should: transient},
		{name: "MinIO: NoSuchKey", err: minio.ErrorResponse{Code: "NoSuchKey", StatusCode: 404}, should: permanent},
		{name: "Vault: 503 sealed", err: &vault.ResponseError{StatusCode: 503}, should: transient},
		{name: "Vault: 403", err: &vault.ResponseError{StatusCode: 403}, should: permanent},
		{name: "Consul: 500", err: consul.StatusError{Code: 500, Body: "No cluster leader"}, should: transient},
		{name: "Consul: 404", err: consul.StatusError{Code: 404, Body: "no such key"}, should: permanent},
		{name: "Stripe: card declined", err: &stripe.Error{HTTPStatusCode: 402, Code: stripe.ErrorCodeCardDeclined, Type: stripe.ErrorTypeCard}, should: permanent},
		{name: "Stripe: rate limit", err: &stripe.Error{HTTPStatusCode: 429, Code: stripe.ErrorCodeRateLimit}, should: overload},
		{name: "Stripe: api_error", err: &stripe.Error{HTTPStatusCode: 500, Type: stripe.ErrorTypeAPI}, should: transient},
		{name: "Stripe: the same key is at work (a 409)", err: &stripe.Error{HTTPStatusCode: 409, Code: stripe.ErrorCodeIdempotencyKeyInUse}, should: transient},
		{name: "Kubernetes: too many requests", err: k8serrors.NewTooManyRequests("x", 1), should: overload},
		{name: "Kubernetes: server timeout", err: k8serrors.NewServerTimeout(pods, "get", 1), should: transient},
		{name: "Kubernetes: internal", err: k8serrors.NewInternalError(errors.New("x")), should: transient},
		{name: "Kubernetes: conflict", err: k8serrors.NewConflict(pods, "p", errors.New("x")), should: permanent},
	})
}
