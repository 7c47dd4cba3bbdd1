package holdfastsql

import (
	"errors"
	"reflect"
)

// state is an SQLSTATE (five characters) and the error that has it. The zero value means that there
// is none.
type state struct {
	err   error
	state string
}

// stateOf returns the first SQLSTATE in err's tree. It is the result of a method SQLState() string,
// or a field SQLState [5]byte, as in go-sql-driver's errors.
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

// severityOf returns the severity of a PostgreSQL error, "" if it has none. It prefers the severity
// that is not localized.
func severityOf(err error) string {
	for _, name := range [...]string{"SeverityUnlocalized", "Severity"} {
		if v := field(err, name); v.Kind() == reflect.String && v.Len() > 0 {
			return v.String()
		}
	}
	return ""
}

// field returns a field of the struct that err points to, or the zero Value. Reflection is needed
// since some facts have no method, and the drivers are not imported here.
func field(err error, name string) reflect.Value {
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.Elem().FieldByName(name)
}

// readOnly is the SQLSTATE of a write that was refused because the server or the transaction is
// read-only.
const readOnly = "25006"
