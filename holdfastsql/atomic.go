package holdfastsql

import "strings"

// Atomic is the default of [WithAtomic]: it reports whether query is known to be one statement that
// happens as a whole or not at all, so that the database's error proves that nothing of it is
// there. CALL, DO, several statements in one text, CREATE INDEX CONCURRENTLY, VACUUM and others
// commit inside, and may fail after that.
//
// It knows little, and errs on the safe side. A query counts as atomic if it begins with the word
// INSERT, UPDATE, DELETE, MERGE, REPLACE, SELECT, VALUES or WITH, after white space and comments at
// most, and has no semicolon but at its end. A semicolon in a literal or in a comment is one too
// many: quoting differs from database to database. So is a comment that one of them would carry
// out, or that ends elsewhere in another. The name of a prepared statement is not atomic.
//
// It holds for PostgreSQL, MySQL (with tables that are transactional: InnoDB) and databases that
// are like them, where functions and triggers cannot commit. What a function does outside of its
// own transaction (dblink, pg_background, a foreign table) nobody undoes, and the text does not
// show it: give a DB that calls such functions a WithAtomic that says no to them.
func Atomic(query string) bool {
	query, ok := skipComments(query)
	if !ok {
		return false
	}
	end := strings.IndexFunc(query, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end <= 0 || !strings.ContainsRune(" \t\r\n\f\v(/*'\"`", rune(query[end])) {
		return false
	}
	if !hasWord(query[:end]) || keepsSome(query[end:]) {
		return false
	}
	return !strings.ContainsAny(strings.TrimRight(query, "; \t\r\n\f\v"), ";\x00")
}

// keepsSome reports whether rest begins like SQLite's INSERT OR FAIL, which keeps the rows before
// the one that failed. It takes any OR for it, since another resolution may stand in place of FAIL.
func keepsSome(rest string) bool {
	word, ok := skipComments(rest)
	return !ok || len(word) > 2 && strings.EqualFold(word[:2], "or") && strings.ContainsRune(" \t\r\n\f\v/-", rune(word[2]))
}

func hasWord(word string) bool {
	for _, known := range [...]string{"insert", "update", "delete", "merge", "replace", "select", "values", "with"} {
		if strings.EqualFold(word, known) {
			return true
		}
	}
	return false
}

// skipComments returns query without the white space and the comments before its first word. It
// reports false if databases disagree about what is a comment there.
func skipComments(query string) (string, bool) {
	for {
		query = strings.TrimLeft(query, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(query, "--"):
			line, rest, found := strings.Cut(query, "\n")
			// A carriage return alone ends it in PostgreSQL, and not in MySQL. In MySQL there must
			// be a space after the dashes.
			if !found || strings.ContainsRune(strings.TrimSuffix(line, "\r"), '\r') {
				return "", false
			}
			query = rest
		case strings.HasPrefix(query, "/*"):
			text, rest, found := strings.Cut(query[2:], "*/")
			// PostgreSQL nests them, MySQL does not. After /*! and /*M! MySQL carries out what is
			// in them.
			if !found || strings.Contains(text, "/*") || strings.HasPrefix(text, "!") || strings.HasPrefix(text, "M!") {
				return "", false
			}
			query = rest
		default:
			return query, true
		}
	}
}
