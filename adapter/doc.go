// Package adapter is for packages that send a client's calls through pipelines, like holdfasthttp
// and holdfastredis. It has what their constructors share. How an adapter describes a failed call
// is in resilience.CallError. docs/adapters.md shows how to write an adapter with both.
//
// The adapters of this module keep to one convention, and a test holds them to it:
//
//   - A constructor takes the client's own object first, then the pipeline, then options. It is
//     called New, or New and what it makes, or it has the name that the client's users know
//     (Middleware, DialOptions). It returns an error as its last result, and that error names every
//     problem at once.
//   - Nothing that a constructor is given may be nil: not the pipeline, not the client, not an
//     option, not an option's argument. A nil pointer in an interface is nil.
//   - An Option is a func that a function called With… returns. An option that the constructor
//     cannot use is an error.
//   - The option that chooses a pipeline for each call is called WithPipelines. If it returns nil,
//     the call goes through the constructor's pipeline. If that is nil too, the call fails: it is
//     not sent unprotected. To send a call without a pipeline, return holdfast.None.
//   - Classify is a resilience.Classifier for the client's errors, for code that calls the client
//     without the adapter. It agrees with the adapter, as far as the error alone tells.
//   - The op that the adapter gives to the pipeline returns a resilience.CallError for every
//     failure that the stages cannot judge by themselves.
package adapter
