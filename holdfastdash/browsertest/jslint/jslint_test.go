package jslint_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastdash/browsertest/jslint"
)

// Each mistake once, next to similar code that is right.
func TestCheck(t *testing.T) {
	for code, want := range map[string][]string{
		`log(1); log(2); log(1);`:                                        nil,
		`let n = 0; n++; n++; log(n);`:                                   {"a.js: n++ stands twice in a row"},
		`class A { constructor(k) { this.k = k; this.k = k; } } log(A);`: {"a.js: this.k = k stands twice in a row"},

		`log({ a: 1, b: 2, ["a"]: 3, ...log });`:                nil,
		`log({ a: 1, b: 2, "a": 3 });`:                          {"a.js: key a is there twice in an object"},
		`log({ get a() { return 1; }, set a(v) { log(v); } });`: nil,
		`log({ a() {}, a() {} });`:                              {"a.js: key a is there twice in an object"},

		`class A { get v() { return 1; } set v(x) { log(x); } static v = 1; } log(A);`: nil,
		`class A { show() {} hide() {} show() {} } log(A);`:                            {"a.js: member show is there twice in a class"},
		`class A { n = 1; n = 2; } log(A);`:                                            {"a.js: member n is there twice in a class"},
		`class A { static n() {} static n() {} } log(A);`:                              {"a.js: member static n is there twice in a class"},

		`switch (log()) { case 1: break; case "1": break; default: log(2); }`: nil,
		`switch (log()) { case 1: log(1); break; case 1: log(2); }`:           {"a.js: case 1 is there twice in a switch"},

		`const a = 1; log(a);`: nil,
		`const a = 1;`:         {"a.js: a is declared and not used"},
		`function f() {}`:      {"a.js: f is declared and not used"},
		`class A {}`:           {"a.js: A is declared and not used"},
		`const f = () => { let x = 1; }; log(f);`:               {"a.js: x is declared and not used"},
		`for (const [, v] of log) log(v);`:                      nil,
		`for (const [k, v] of log) log(v);`:                     {"a.js: k is declared and not used"},
		`for (const x of log) { log(1); }`:                      {"a.js: x is declared and not used"},
		`try { log(1); } catch (e) { log(2); }`:                 {"a.js: e is declared and not used"},
		`try { log(1); } catch { log(2); }`:                     nil,
		`class A { #n = 1; get() { return this.#n; } } log(A);`: nil,
		`class A { #n = 1; } log(A);`:                           {"a.js: #n is declared and not used"},
		`const f = (a, b) => b; log(f);`:                        nil,
		`const f = (a, b) => a; log(f);`:                        {"a.js: b is declared and not used"},
		`const f = function named() {}; log(f);`:                nil,

		`log(lgo);`:                     {"a.js: lgo is used, and nobody declares it"},
		`const f = () => n; log(f);`:    {"a.js: n is used, and nobody declares it"},
		`f(); function f() { log(1); }`: nil,

		`const f = () => { return 1; function g() {} log(g); }; log(f);`:            {"a.js: log(g) is never reached"},
		`const f = () => { throw log; log(1); }; log(f);`:                           {"a.js: log(1) is never reached"},
		`for (;;) { break; log(1); }`:                                               {"a.js: log(1) is never reached"},
		`const f = () => { if (log) return 1; else { throw 2; } log(3); }; log(f);`: {"a.js: log(3) is never reached"},
		`const f = () => { if (log) return 1; log(3); }; log(f);`:                   nil,
		`switch (log()) { case 1: break; log(1); }`:                                 {"a.js: log(1) is never reached"},

		`let a = log; a = a; log(a);`: {"a.js: a is assigned to itself"},
	} {
		require.Equal(t, want, jslint.Check(map[string][]byte{"a.js": []byte(code), "b.js": []byte("log(0);")}, []string{"log"}), code)
	}
	problems := jslint.Check(map[string][]byte{"a.js": []byte("log("), "b.js": []byte("lgo();")}, nil)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0], "a.js: cannot be parsed: ")
}

func TestCheckBetweenModules(t *testing.T) {
	check := func(a, b string) []string {
		return jslint.Check(map[string][]byte{"a.js": []byte(a), "b.js": []byte(b)}, []string{"log"})
	}
	require.Empty(t, check(`import { x, y as z } from "./b.js"; log(x, z);`, `export const x = 1; export function y() {}`))
	require.Empty(t, check(`/** @typedef {import("./b.js").T} T */ log(1);`, `export class T {}`))
	require.Equal(t, []string{"a.js: x is imported and not used"}, check(`import { x } from "./b.js"; log(1);`, `export const x = 1;`))
	require.Equal(t, []string{"a.js: y is imported from b.js, which does not export it"}, check(`import { y } from "./b.js"; log(y);`, `log(2);`))
	require.Equal(t, []string{"a.js: y is imported from c.js, and there is no such module"}, check(`import { y } from "./c.js"; log(y);`, `log(2);`))
	require.Equal(t, []string{"b.js: x is exported, and no module imports it"}, check(`log(1);`, `export const x = 1;`))
	require.Equal(t, []string{"b.js: T is exported, and no module imports it"}, check(`/** @type {import("./b.js").Tx} */ log(1);`, `export class T {}`))
	require.Equal(t, []string{"the globals name log, which no module uses"}, check(`export {};`, `export {};`))
}
