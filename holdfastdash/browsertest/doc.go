// Package browsertest tries the dashboard's page in a real browser, headless Chromium, against the
// real handler: what it shows, what it changes, and that it asks no other host for anything. It is
// a module of its own, so that the root module does not require a browser's driver.
//
// The tests skip where there is no Chromium; with HOLDFAST_REQUIRE_SERVICES=1 that is a failure.
// With HOLDFAST_SCREENSHOTS=dir their pictures are left in dir, to be looked at. Package jslint,
// which reads the page's scripts for mistakes, needs no browser.
package browsertest
