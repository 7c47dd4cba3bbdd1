package resilience

import (
	"cmp"
	"net/textproto"
	"reflect"
	"strings"
)

// codeVerdict judges err itself, and not what it wraps, by a code of its protocol.
func codeVerdict(err error) Verdict {
	switch e := err.(type) { //nolint:errorlint // one step of the walk
	case interface{ SQLState() string }:
		return sqlStateVerdict(e.SQLState(), err)
	case interface{ ErrorCode() string }: // AWS
		return nameVerdict(e.ErrorCode())
	case interface { // AWS' first SDK
		Code() string
		OrigErr() error
	}:
		return nameVerdict(e.Code())
	case interface{ HasErrorLabel(string) bool }:
		return mongoVerdict(e)
	case interface{ RedisError() }:
		return redisVerdict(err.Error())
	case interface{ SQLErrorNumber() int32 }:
		return sqlServerVerdict(e.SQLErrorNumber())
	case *textproto.Error:
		return replyVerdict(e.Code)
	}
	return codeByReflection(err)
}

// codeByReflection finds codes whose types could only be named by an import of their client. A
// user's own error may have a Code too, so each protocol is recognized by more than that. Methods
// are looked up by constant names, so that the linker can still remove unused ones.
func codeByReflection(err error) Verdict {
	v := reflect.ValueOf(err)
	if !isForeign(v.Type()) {
		return Unclassified
	}
	if status := result(v.MethodByName("GRPCStatus")); status.IsValid() {
		return grpcVerdict(status)
	}
	if code := result(v.MethodByName("Code")); code.IsValid() {
		return rpcVerdict(code, err)
	}
	if isKafka(v) {
		return kafkaVerdict(v.Int(), err)
	}
	v = reflect.Indirect(v)
	if v.Kind() != reflect.Struct {
		return Unclassified
	}
	code, beside := number(v, "Code", reflect.Int), func(name string, kind reflect.Kind) bool {
		return field(v, name).Kind() == kind
	}
	switch {
	case beside("Number", reflect.Uint16) && beside("SQLState", reflect.Array):
		return mysqlVerdict(v)
	case beside("ResultCode", reflect.Uint16) && beside("MatchedDN", reflect.String):
		return ldapVerdict(number(v, "ResultCode", reflect.Uint16))
	case beside("Code", reflect.Int16) && beside("Retriable", reflect.Bool): // franz-go
		return kafkaCodeVerdict(number(v, "Code", reflect.Int16), field(v, "Retriable").Bool())
	case code != 0 && beside("Recover", reflect.Bool) && beside("Server", reflect.Bool):
		return amqpVerdict(code)
	case code != 0 && strings.HasPrefix(text(v, "Name"), "DB::"):
		return clickHouseVerdict(code)
	case statusField(v) != 0: // Azure, MinIO, Stripe
		return nameVerdict(cmp.Or(text(v, "ErrorCode"), text(v, "Code")))
	}
	if class, ok := strings.CutPrefix(text(v, "Code"), "Neo."); ok {
		return neo4jVerdict(class)
	}
	return Unclassified
}

// isForeign reports whether an error of type t may have a code that only reflection finds. Those of
// the standard library have none, and are the most frequent, so this saves time.
func isForeign(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case "", "errors", "fmt", "io", "io/fs", "os", "net", "net/url", "net/http", "syscall", "context", "internal/poll":
		return false
	}
	return true
}

// result calls a method without parameters and with one result, and returns that. For any other
// method it returns the zero Value.
func result(method reflect.Value) reflect.Value {
	if !method.IsValid() || method.Type().NumIn() != 0 || method.Type().NumOut() != 1 {
		return reflect.Value{}
	}
	return method.Call(nil)[0]
}

// field returns v's field of that name, which may be promoted; the zero Value if there is none.
func field(v reflect.Value, name string) reflect.Value {
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	f, ok := v.Type().FieldByName(name)
	if !ok {
		return reflect.Value{}
	}
	found, _ := v.FieldByIndexErr(f.Index) // the zero Value if an embedded pointer is nil
	return found
}

// text returns the field of that name, if it is a string; else "".
func text(v reflect.Value, name string) string {
	if f := field(v, name); f.Kind() == reflect.String {
		return f.String()
	}
	return ""
}

// number returns the field of that name, if it is an integer of that kind, or of any signed kind
// if that is reflect.Int; else 0.
func number(v reflect.Value, name string, kind reflect.Kind) int64 {
	f := field(v, name)
	switch {
	case !f.IsValid():
		return 0
	case f.CanInt() && (kind == reflect.Int || f.Kind() == kind):
		return f.Int()
	case f.Kind() == kind && f.CanUint():
		return int64(f.Uint()) //nolint:gosec // of 16 bits
	}
	return 0
}
