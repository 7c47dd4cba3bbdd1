package holdfastaws_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastaws"
)

func TestIdempotent(t *testing.T) {
	type conditional struct {
		ConditionExpression *string
		Expected            map[string]string
	}
	type returnValue string
	type returning struct{ ReturnValues returnValue }
	expr := "attribute_not_exists(k)"
	post := func(service, operation string) holdfastaws.Call {
		return holdfastaws.Call{Service: service, Operation: operation, Method: http.MethodPost}
	}
	with := func(c holdfastaws.Call, change func(*holdfastaws.Call)) holdfastaws.Call {
		change(&c)
		return c
	}
	input := func(in any) func(*holdfastaws.Call) { return func(c *holdfastaws.Call) { c.Input = in } }
	token := func(c *holdfastaws.Call) { c.Token = true }
	method := func(m string) func(*holdfastaws.Call) { return func(c *holdfastaws.Call) { c.Method = m } }
	header := func(name string) func(*holdfastaws.Call) {
		return func(c *holdfastaws.Call) { c.Method, c.Header = http.MethodPut, http.Header{name: {"x"}} }
	}
	for _, c := range []struct {
		call holdfastaws.Call
		want bool
	}{
		{holdfastaws.Call{}, false},
		{post("DynamoDB", "GetItem"), true},
		{post("DynamoDB", "Query"), true},
		{post("DynamoDB", "BatchGetItem"), true},
		{post("DynamoDB", "TransactGetItems"), true},
		{post("DynamoDB", "UpdateItem"), false},
		{post("DynamoDB", "TransactWriteItems"), false},
		{with(post("DynamoDB", "TransactWriteItems"), token), true},
		{post("DynamoDB", "PutItem"), true},
		{with(post("DynamoDB", "PutItem"), input(&conditional{})), true},
		{with(post("DynamoDB", "PutItem"), input(&conditional{ConditionExpression: &expr})), false},
		{with(post("DynamoDB", "DeleteItem"), input(&conditional{Expected: map[string]string{"k": "v"}})), false},
		{with(post("DynamoDB", "PutItem"), input((*conditional)(nil))), true},
		{with(post("DynamoDB", "PutItem"), input(&returning{})), true},
		{with(post("DynamoDB", "PutItem"), input(&returning{"NONE"})), true},
		{with(post("DynamoDB", "PutItem"), input(&returning{"ALL_OLD"})), false}, // "was it there before?"
		{with(post("DynamoDB", "DeleteItem"), input(&returning{"ALL_OLD"})), false},
		{with(with(post("X", "Create"), token), input(&conditional{ConditionExpression: &expr})), true},
		{post("SQS", "SendMessage"), false},
		{post("SQS", "DeleteMessage"), true},
		{post("SQS", "ReceiveMessage"), true},
		{post("SNS", "Publish"), false},
		{post("Lambda", "Invoke"), false},
		{post("Kinesis", "PutRecord"), false},
		{post("STS", "AssumeRole"), true},
		{post("KMS", "Decrypt"), true},
		{post("SFN", "GetActivityTask"), false},
		{post("SFN", "StartExecution"), false},
		{post("SFN", "GetExecutionHistory"), true},
		{post("AppConfigData", "GetLatestConfiguration"), false},
		{post("AppConfig", "GetConfigurationProfile"), true},
		{post("Cognito Identity", "GetId"), false},
		{post("Cognito Identity", "GetOpenIdTokenForDeveloperIdentity"), false},
		{post("Cognito Identity", "GetCredentialsForIdentity"), true},
		{post("Cognito Identity Provider", "GetTokensFromRefreshToken"), false},
		{post("Cognito Identity Provider", "GetUserAttributeVerificationCode"), false},
		{post("Cognito Identity Provider", "GetUser"), true},
		{post("EC2", "GetFlowLogsIntegrationTemplate"), false},
		{post("XRay", "GetSamplingTargets"), false},
		{post("XRay", "GetSamplingRules"), true},
		{post("Timestream Query", "Query"), false},
		{with(post("Timestream Query", "Query"), token), true},
		{post("DynamoDB", "ExecuteStatement"), false},
		{post("DynamoDB", "BatchExecuteStatement"), false},
		{post("Athena", "StartQueryExecution"), false},
		{with(post("Athena", "StartQueryExecution"), token), true},
		{post("CloudWatch", "PutMetricData"), false},
		{post("CloudWatch Logs", "PutLogEvents"), false},
		{post("EventBridge", "PutEvents"), false},
		{post("Firehose", "PutRecordBatch"), false},
		{post("IoT Data Plane", "Publish"), false},
		{post("SESv2", "SendEmail"), false},
		{post("SQS", "SetQueueAttributes"), false},
		{post("X", "Getaway"), false},
		{post("X", "GetOrCreateThing"), false},
		{post("X", "Search"), true},
		{with(post("S3", "DeleteObject"), method(http.MethodDelete)), true},
		{with(post("S3", "PutObject"), method(http.MethodPut)), true},
		{with(post("S3", "CopyObject"), method(http.MethodPut)), true},
		{with(post("S3", "PutObject"), header("If-None-Match")), false},
		{with(post("S3", "PutObject"), header("X-Amz-Write-Offset-Bytes")), false},
		{with(post("S3", "PutObject"), header("X-Amz-Acl")), true},
		{with(post("EBS", "PutSnapshotBlock"), method(http.MethodPut)), true},
		{with(post("Connect", "StartOutboundVoiceContact"), method(http.MethodPut)), false},
		{with(post("Connect", "CreateUser"), method(http.MethodPut)), false},
		{with(post("Connect", "TagResource"), method(http.MethodPut)), true},
		{post("S3", "CompleteMultipartUpload"), false},
	} {
		require.Equal(t, c.want, holdfastaws.Idempotent(c.call), "%+v", c.call)
	}
}
