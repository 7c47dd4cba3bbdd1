// Package browsertest tests the dashboard's page in a real browser, headless Chromium, with the
// real handler: what it shows, what it changes, and that it sends no request to another host. It is
// a module of its own, so that the root module does not require a browser driver.
//
// The tests are skipped if there is no Chromium; with HOLDFAST_REQUIRE_SERVICES=1 that is a
// failure. Likewise the test that checks the page by the rules of WCAG asks for axe-core (see axe).
// With HOLDFAST_SCREENSHOTS=dir they write their screenshots to dir. Package jslint, which
// checks the page's scripts for mistakes, needs no browser.
package browsertest
