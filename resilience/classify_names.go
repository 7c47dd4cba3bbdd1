package resilience

import "strings"

// nameVerdict judges an error code that is a word: what AWS and the stores with its protocol send
// (the retry package of its SDK for Go, v1.48.0, lists those that it retries), Azure and Stripe.
func nameVerdict(code string) Verdict {
	switch code {
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
		"TooManyRequestsException", "TooManyRequests", "ProvisionedThroughputExceededException",
		"RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "EC2ThrottledException",
		"rate_limit", "SlowDown", "SlowDownRead", "SlowDownWrite", "ServerBusy", "PriorRequestNotComplete":
		return Overload
	case "RequestTimeout", "RequestTimeoutException", "InternalError", "InternalFailure", "InternalServerError",
		"InternalServiceError", "InternalServerException", "InternalServiceException",
		"ServiceUnavailable", "ServiceUnavailableException", "TransactionInProgressException",
		"TransactionConflictException", "OperationTimedOut", "KMSInternalException", "DependencyTimeoutException",
		"OperationAborted", "lock_timeout", "idempotency_key_in_use":
		return Transient
	case "AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId",
		"InvalidSignatureException", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException",
		"ValidationException", "ValidationError", "ConditionalCheckFailedException", "ResourceNotFoundException",
		"ResourceInUseException", "NoSuchKey", "NoSuchBucket", "MissingParameter", "InvalidParameterValue":
		return Permanent
	}
	return Unclassified
}

// neo4jVerdict judges a status code of Neo4j by its class.
func neo4jVerdict(code string) Verdict {
	switch code {
	case "ClientError.Cluster.NotALeader", "ClientError.General.ForbiddenOnReadOnlyDatabase",
		"ClientError.Security.AuthorizationExpired":
		return Transient
	}
	switch class, _, _ := strings.Cut(code, "."); class {
	case "TransientError":
		return Transient
	case "ClientError":
		return Permanent
	}
	return Unclassified
}
