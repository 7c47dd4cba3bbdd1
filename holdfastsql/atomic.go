package holdfastsql

import "strings"

// Atomic is the default of [WithAtomic]. It reports whether query is known to be one atomic
// statement: if the database answers with an error, the statement changed nothing. CALL, DO,
// several statements in one text, CREATE INDEX CONCURRENTLY, VACUUM and others commit in the
// middle, and may fail after that.
//
// It is conservative. A query is atomic if its first word, after white space and comments, is
// INSERT, UPDATE, DELETE, MERGE, REPLACE, SELECT, VALUES or WITH, and if it has no semicolon except
// at its end. A query with a semicolon in a literal or a comment is not atomic, since databases
// differ in how they quote. Nor is one that begins with a comment that some database executes, or
// that does not end at the same place in all of them. The name of a prepared statement is not
// atomic.
//
// It is right for PostgreSQL, MySQL with transactional tables (InnoDB), and similar databases, in
// which functions and triggers cannot commit. Some functions change data outside of the transaction
// (dblink, pg_background, a foreign table). The database does not undo that, and the query's text
// does not show it. If your statements call such functions, pass a WithAtomic that returns false
// for them.
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

// keepsSome reports whether rest begins with OR, as in SQLite's INSERT OR FAIL, which keeps the
// rows before the one that failed. It reports true for every OR, whatever resolution follows.
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
// returns false if databases disagree about where such a comment ends, or whether it is one.
func skipComments(query string) (string, bool) {
	for {
		query = strings.TrimLeft(query, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(query, "--"):
			line, rest, found := strings.Cut(query, "\n")
			// A carriage return without a line feed ends the comment in PostgreSQL, but not in
			// MySQL. Without a space after the dashes the query is a syntax error in MySQL, which
			// is safe.
			if !found || strings.ContainsRune(strings.TrimSuffix(line, "\r"), '\r') {
				return "", false
			}
			query = rest
		case strings.HasPrefix(query, "/*"):
			text, rest, found := strings.Cut(query[2:], "*/")
			// PostgreSQL nests comments, MySQL does not. MySQL executes the text of /*! and /*M!
			// comments.
			if !found || strings.Contains(text, "/*") || strings.HasPrefix(text, "!") || strings.HasPrefix(text, "M!") {
				return "", false
			}
			query = rest
		default:
			return query, true
		}
	}
}
