// Package migrating holds the pages of docs/migrating to the truth: the code on both sides of each
// page, and a test for each line that says what behaves differently. A test runs both libraries
// under the same scripted fault, in a synctest bubble where the library allows that.
//
// The pages quote these files, and a test of docs sees to it that each line names a test here, and
// that each test here is named.
package migrating
