// Package adapter is for packages that send a client's calls through pipelines, like holdfasthttp
// and holdfastredis. It has what their constructors share. The other half, what an adapter says of
// a call that failed, is resilience.CallError. docs/adapters.md shows how to write an adapter with
// both.
//
// The adapters of this module keep to one convention, and a test holds them to it:
//
//   - A constructor takes the client's own thing first, then the pipeline, then options. It is
//     called New, or New and what it makes, or has the name that the thing has in the client's
//     world (Middleware, DialOptions). It returns an error as its last result, and that error names
//     everything that is wrong at once.
//   - Nothing that a constructor is given may be nil: not the pipeline, not the client, not an
//     option, not an option's argument. A nil pointer in an interface is nil.
//   - An Option is a func that a function called With… returns. An option that the constructor
//     cannot use is an error.
//   - Where a pipeline is chosen for each call, the option is called WithPipelines. A call for
//     which it chooses nil goes through the constructor's pipeline. If that is nil too, the call
//     fails; it does not go unprotected. holdfast.None is how to ask for that.
//   - Classify is a resilience.Classifier for the client's errors, for those who call the client
//     without the adapter. It says the same as the adapter, as far as the error alone tells.
//   - The op that the adapter gives to the pipeline returns a resilience.CallError for every
//     failure that the stages could not judge by themselves.
package adapter
