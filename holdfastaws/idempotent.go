package holdfastaws

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/media-gateway/holdfast/resilience"
)

// These errors say why a failed operation was not sent again although its failure is worth a retry.
// errors.Is finds them in the operation's error.
var (
	ErrNotIdempotent = errors.New("not sent again: the operation is not known to be idempotent")
	ErrNotReplayable = errors.New("not sent again: the request's body cannot be read again (it is no io.Seeker)")
)

// Call is an operation that is about to be sent, or that has failed.
type Call struct {
	Service   string      // the SDK's ServiceID: "DynamoDB", "S3", "SQS"
	Operation string      // "PutItem"
	Input     any         // its parameters: a *dynamodb.PutItemInput; must not be changed
	Method    string      // of the HTTP request: "POST"
	Header    http.Header // of the HTTP request, before it is signed; must not be changed
	Token     bool        // it carries an idempotency token, the caller's or one that the SDK fills in
}

// Idempotent reports whether an operation may be carried out twice, as far as AWS says so:
//
//   - reads: the name begins with Get, List, Describe, Head, Query, Scan, Search, Select, Lookup,
//     BatchGet or TransactGet. So are STS' AssumeRole… and what KMS computes. Not so the few that
//     have an effect all the same: GetActivityTask takes a task, GetUserAttributeVerificationCode
//     sends an SMS;
//   - operations with an idempotency token, which is the same for each attempt: TransactWriteItems,
//     RunInstances, Athena's StartQueryExecution;
//   - DELETE; PUT of S3, and of others if the name begins with Put, Set, Tag or Untag;
//   - DynamoDB's PutItem, DeleteItem and BatchWriteItem; SQS' DeleteMessage,
//     ChangeMessageVisibility (and their batches) and ReceiveMessage.
//
// A write with a condition (ConditionExpression, If-None-Match, If-Match) and without a token is
// not: if the first answer is lost, the second says that the condition does not hold, because of
// the first. Nor is a write that asks for what it has replaced (ReturnValues): the second answer
// shows what the first attempt has written. All else is not either: UpdateItem, SendMessage,
// Publish, Invoke, PutRecord, and Step Functions' StartExecution, which has no token. It is safe
// for concurrent use.
func Idempotent(call Call) bool {
	switch {
	case onlyReads(call), call.Token:
		return true
	case hasCondition(call), asksForOld(call):
		return false
	case call.Method == http.MethodDelete:
		return true
	case call.Method == http.MethodPut:
		return call.Service == "S3" || beginsWith(call.Operation, "Put", "Set", "Tag", "Untag")
	}
	return repeatable[call.Service+"."+call.Operation]
}

// repeatable are operations that POST, and that are idempotent by their documentation.
var repeatable = map[string]bool{
	"DynamoDB.PutItem": true, "DynamoDB.DeleteItem": true, "DynamoDB.BatchWriteItem": true,
	"SQS.DeleteMessage": true, "SQS.DeleteMessageBatch": true, "SQS.ReceiveMessage": true,
	"SQS.ChangeMessageVisibility": true, "SQS.ChangeMessageVisibilityBatch": true,
}

// stateless are operations that change nothing although their name is not that of a read.
var stateless = map[string]bool{
	"STS.AssumeRole": true, "STS.AssumeRoleWithSAML": true, "STS.AssumeRoleWithWebIdentity": true,
	"STS.DecodeAuthorizationMessage": true,
	"KMS.Encrypt":                    true, "KMS.Decrypt": true, "KMS.ReEncrypt": true, "KMS.Sign": true, "KMS.Verify": true,
	"KMS.GenerateMac": true, "KMS.VerifyMac": true, "KMS.GenerateRandom": true,
	"KMS.GenerateDataKey": true, "KMS.GenerateDataKeyWithoutPlaintext": true,
	"KMS.GenerateDataKeyPair": true, "KMS.GenerateDataKeyPairWithoutPlaintext": true,
}

// takers are operations that change something, by their documentation, although their name is that
// of a read.
var takers = map[string]bool{
	"AppConfigData.GetLatestConfiguration":                       true, // uses up the token of the last call
	"Cognito Identity.GetId":                                     true, // makes an identity
	"Cognito Identity.GetOpenIdTokenForDeveloperIdentity":        true, // registers one
	"Cognito Identity Provider.GetTokensFromRefreshToken":        true, // may use up the token
	"Cognito Identity Provider.GetUserAttributeVerificationCode": true, // sends an SMS or an email
	"EC2.GetFlowLogsIntegrationTemplate":                         true, // writes to S3
	"SFN.GetActivityTask":                                        true, // takes the task
	"Timestream Query.Query":                                     true, // UNLOAD writes to S3; it has a token
	"XRay.GetSamplingTargets":                                    true, // reports counts, and takes a quota
}

// onlyReads reports whether an operation changes nothing.
func onlyReads(call Call) bool {
	name := call.Service + "." + call.Operation
	return stateless[name] || !takers[name] && beginsWith(call.Operation,
		"Get", "List", "Describe", "Head", "Query", "Scan", "Search", "Select", "Lookup", "BatchGet", "TransactGet")
}

// beginsWith reports whether the first words of an operation's name are one of verbs.
func beginsWith(operation string, verbs ...string) bool {
	for _, verb := range verbs {
		rest, ok := strings.CutPrefix(operation, verb)
		if ok && (rest == "" || rest[0] >= 'A' && rest[0] <= 'Z') && !strings.HasPrefix(rest, "Or") {
			return true
		}
	}
	return false
}

// hasCondition reports whether a write depends on what it meets, and so on what an earlier attempt
// has written.
func hasCondition(call Call) bool {
	for name := range call.Header {
		switch http.CanonicalHeaderKey(name) {
		case "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
			"X-Amz-If-Match-Last-Modified-Time", "X-Amz-If-Match-Size", "X-Amz-Write-Offset-Bytes":
			return true
		}
	}
	input := reflect.Indirect(reflect.ValueOf(call.Input))
	if input.Kind() != reflect.Struct {
		return false
	}
	for _, name := range [...]string{"ConditionExpression", "Expected"} { // DynamoDB's
		if f := input.FieldByName(name); f.IsValid() && !f.IsZero() {
			return true
		}
	}
	return false
}

// asksForOld reports whether the answer to a write of DynamoDB has what the write has replaced or
// removed.
func asksForOld(call Call) bool {
	input := reflect.Indirect(reflect.ValueOf(call.Input))
	if input.Kind() != reflect.Struct {
		return false
	}
	f := input.FieldByName("ReturnValues")
	return f.Kind() == reflect.String && f.String() != "" && f.String() != "NONE"
}

// mayRepeat reports whether the operation may be carried out twice. A mark of the ctx decides, else
// the rule for operations.
func (op *operation) mayRepeat() bool {
	switch resilience.RepetitionOf(op.caller) {
	case resilience.Once:
		return false
	case resilience.Idempotent:
		return true
	default:
		return op.idempotent(op.call)
	}
}

// settled reports whether it does not matter whether the operation was carried out.
func (op *operation) settled(ctx context.Context) bool {
	return resilience.RepetitionOf(ctx) != resilience.Once && onlyReads(op.call)
}
