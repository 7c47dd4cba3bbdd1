package holdfastredis

import (
	"strconv"
	"strings"
)

// Each of these functions returns true only for arguments that it knows to be idempotent. It
// returns false for arguments that it does not understand. args[0] is the command.

// wire returns argument i as go-redis sends it. It returns false for types that it does not know.
func wire(args []any, i int) (string, bool) {
	if i < 0 || i >= len(args) {
		return "", false
	}
	switch arg := args[i].(type) {
	case string:
		return arg, true
	case []byte:
		return string(arg), true
	case int:
		return strconv.Itoa(arg), true
	case int64:
		return strconv.FormatInt(arg, 10), true
	case float64:
		return strconv.FormatFloat(arg, 'f', -1, 64), true
	}
	return "", false
}

func number(args []any, i int) (int64, bool) {
	text, ok := wire(args, i)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

func noMoreThan(n int) func([]any) bool {
	return func(args []any) bool { return len(args) <= n }
}

func and(a, b func([]any) bool) func([]any) bool {
	return func(args []any) bool { return a(args) && b(args) }
}

// withoutWord returns a func that reports whether no argument is word, in any case. word must be in
// lower case.
func withoutWord(word string) func([]any) bool {
	return func(args []any) bool {
		for i := range args {
			if text, ok := wire(args, i); !ok || strings.EqualFold(text, word) {
				return false
			}
		}
		return true
	}
}

// flagsFrom returns a func that reports whether all arguments from index from on are known flags.
// The map says which flags have a value.
func flagsFrom(from int, known map[string]bool) func([]any) bool {
	return func(args []any) bool {
		for i := from; i < len(args); i++ {
			flag, ok := wire(args, i)
			if !ok {
				return false
			}
			hasValue, ok := known[strings.ToLower(flag)]
			if !ok {
				return false
			}
			if hasValue {
				i++
			}
		}
		return true
	}
}

// destinationNotIn returns a func that reports whether the key at index dest differs from all
// arguments from index from on.
func destinationNotIn(dest, from int) func([]any) bool {
	return func(args []any) bool { return isNoneOf(args, dest, from, len(args)) }
}

func isNoneOf(args []any, dest, from, to int) bool {
	destination, ok := wire(args, dest)
	if !ok || to > len(args) {
		return false
	}
	for i := from; i < to; i++ {
		if source, ok := wire(args, i); !ok || source == destination {
			return false
		}
	}
	return true
}

// destinationNotAmongCounted is destinationNotIn for commands that give the number of their
// sources: dest n key….
func destinationNotAmongCounted(args []any) bool {
	n, ok := number(args, 2)
	return ok && n > 0 && n <= int64(len(args)) && isNoneOf(args, 1, 3, 3+int(n))
}

// getexHolds returns true for GETEX key, alone, with PERSIST, or with a duration (EX, PX) above 0.
func getexHolds(args []any) bool {
	switch len(args) {
	case 2:
		return true
	case 3:
		flag, ok := wire(args, 2)
		return ok && strings.EqualFold(flag, "persist")
	case 4:
		flag, _ := wire(args, 2)
		n, ok := number(args, 3)
		return ok && n > 0 && (strings.EqualFold(flag, "ex") || strings.EqualFold(flag, "px"))
	}
	return false
}

// trimsToLength returns true for LTRIM key 0 n and LTRIM key -n -1.
func trimsToLength(args []any) bool {
	start, ok := number(args, 2)
	stop, known := number(args, 3)
	switch {
	case !ok || !known || len(args) != 4:
		return false
	case start == 0:
		return stop >= -1 // -1 is the last element: nothing is cut
	}
	return start < 0 && stop == -1
}

// bitopHolds returns true for BITOP operation dest key… if the operation is AND or OR, or if dest
// is not a source.
func bitopHolds(args []any) bool {
	operation, ok := wire(args, 1)
	if !ok {
		return false
	}
	return strings.EqualFold(operation, "and") || strings.EqualFold(operation, "or") || isNoneOf(args, 2, 3, len(args))
}
