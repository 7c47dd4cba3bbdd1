package holdfastsql_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastsql"
)

func TestAtomic(t *testing.T) {
	for _, query := range []string{
		"insert into payments values (1)",
		"INSERT INTO payments VALUES (1);",
		"Insert into payments values (1) ; \n;\t",
		"\n\t update accounts set balance = balance - 1",
		"delete from payments", "merge into a using b on a.id = b.id when matched then delete",
		"replace into payments values (1)", "values (1)",
		"select 1", "select(1)", "SELECT*FROM payments", "select'x'", "select\"x\"", "select`x`", "select/**/1",
		"with p as (insert into payments values (1) returning id) select id from p",
		"with(x) as (select 1) select 1",
		"insert into notes values ('it''s -- no /* comment')",
		`insert into notes values (E'\'')`, "insert into notes values ($$call pay()$$)",
		"-- name: CreatePayment :one\ninsert into payments values ($1)",
		"--\r\ninsert into payments values ($1)",
		"/* traceparent=00-1 */ insert into payments values ($1) /*app='x'*/",
		"/*+ SeqScan(payments) */ select 1", "/**/select 1", "/*/ x */ select 1", "/* a **/ select 1",
		"-- one\n-- two\n/* three */ /* four */\nselect 1",
	} {
		require.True(t, holdfastsql.Atomic(query), query)
	}
	for _, query := range []string{
		"", " ", ";", "insert", "select", // the name of a prepared statement, say
		"pay", "payment 7", "insert_payment 7", "insertion into payments", "select1", "sélect 1", "with_payment as (x)",
		"call pay(1)", "do $$ begin commit; end $$", "begin", "commit", "execute pay(1)", "explain analyze insert into payments values (1)",
		"create index concurrently i on payments (id)", "vacuum", "refresh materialized view x", "truncate payments",
		"alter type mood add value 'x'", "copy payments from stdin", "load data infile 'x' into table payments", "xa commit 'x'",
		"insert into payments values (1); insert into payments values (2)",
		"insert into payments values (1);call pay()", "select 1;;commit;",
		"insert into payments values (1); -- done", "insert into payments values (1); /* done */",
		"insert into notes values ('a;b')", // in a literal, as far as quoting is understood alike
		`insert into notes values ('\'); call pay(); -- ')`, `insert into notes values (E'\'; call pay(); -- ')`,
		"insert into notes values ($a$;$a$)", "insert into notes values (';');",
		"insert into payments values (5)--1; delete from payments",
		"insert into payments values (1)\x00; call pay()",
		"/*! call pay() */", "/*!50000 call */ insert into payments values (1)", "/*M! call */ select 1", "/*M!100000 call */ select 1",
		"/* /* */ insert into payments values (1) */ call pay()", "/* open", "-- open",
		"-- a\rinsert into payments values (1)\ncall pay()", "-- a\r\r\nselect 1",
		"# a comment of MySQL's\nselect 1", "\ufeffselect 1", "(select 1)", "\u00a0select 1",
		"\"insert\" into x", "insert.pay 1", "insert$ 1", "insert;call pay()", "insert-1", "select:1", "update@x set y = 1",
		"insert or fail into payments values (1)", "update or fail payments set id = 1", "insert\nOR\tFAIL into x values (1)", "insert/**/or/**/fail into x values (1)",
	} {
		require.False(t, holdfastsql.Atomic(query), query)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = holdfastsql.Atomic("/* x */ Insert into payments values (1);") }))
}

// Two statements in one text are never atomic, whatever is before or after the second.
func FuzzAtomic(f *testing.F) {
	for _, s := range []string{"", "-- x\n", "/* x */", "'", "$$", `\'`, "/*!", "#", "`", "E'"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, before, between string) {
		query := before + "insert into payments values (1)" + between + ";call pay()"
		if holdfastsql.Atomic(query) {
			t.Errorf("%q", query)
		}
		if bare := strings.Trim(before, "; \t\r\n\f\v"); strings.HasPrefix(strings.ToLower(bare), "call ") && holdfastsql.Atomic(bare) {
			t.Errorf("%q", bare)
		}
	})
}
