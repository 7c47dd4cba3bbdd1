package holdfastsql

import (
	"errors"
	"reflect"
)

// state is an SQLSTATE, the five characters by which a database says what went wrong, and the error
// that has it. The zero value is none.
type state struct {
	err   error
	state string
}

// stateOf returns the first SQLSTATE in err's tree: what a method SQLState() string says, or a
// field SQLState [5]byte, which go-sql-driver's errors have.
func stateOf(err error) state {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		if s := e.SQLState(); len(s) == 5 {
			return state{e, s}
		}
		return state{}
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		v := field(e, "SQLState")
		if v.Kind() != reflect.Array || v.Len() != 5 || v.Type().Elem().Kind() != reflect.Uint8 || v.Index(0).Uint() == 0 {
			continue
		}
		var s [5]byte
		for i := range s {
			s[i] = byte(v.Index(i).Uint())
		}
		return state{e, string(s[:])}
	}
	return state{}
}

func sqlState(err error) string { return stateOf(err).state }

// severityOf returns the severity of a PostgreSQL error, "" if it has none. Where a client knows
// the word before its translation, it is that.
func severityOf(err error) string {
	for _, name := range [...]string{"SeverityUnlocalized", "Severity"} {
		if v := field(err, name); v.Kind() == reflect.String && v.Len() > 0 {
			return v.String()
		}
	}
	return ""
}

// field returns a field of the struct that err points to, or the zero Value. Drivers have some
// facts in fields alone, and are not imported here.
func field(err error, name string) reflect.Value {
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.Elem().FieldByName(name)
}

// readOnly is the state of a write that was refused by a server, or in a transaction, for reading
// alone.
const readOnly = "25006"
