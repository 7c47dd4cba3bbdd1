package holdfastredis

import (
	"strconv"
	"strings"
)

// What is not understood about arguments makes no command idempotent: each of these functions is
// true only for arguments that it knows to be harmless. args[0] is the command.

// wire returns the argument as it goes over the wire, if it is of a kind of which that is known.
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

// withoutWord is true if no argument is the given word, which is in lower case.
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

// flagsFrom is true if all arguments from the given one on are known flags. The map says which of
// them have a value.
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

// destinationNotIn is true if the key at dest is none of the arguments from the given one on.
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

// destinationNotAmongCounted is destinationNotIn for commands whose sources are counted: dest n
// key….
func destinationNotAmongCounted(args []any) bool {
	n, ok := number(args, 2)
	return ok && n > 0 && n <= int64(len(args)) && isNoneOf(args, 1, 3, 3+int(n))
}

// getexHolds is true for GETEX key, with PERSIST or a duration above 0.
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

// trimsToLength is true for LTRIM key 0 n and LTRIM key -n -1.
func trimsToLength(args []any) bool {
	start, ok := number(args, 2)
	stop, known := number(args, 3)
	switch {
	case !ok || !known || len(args) != 4:
		return false
	case start == 0:
		return stop >= -1 // -1 is the last one: nothing is cut
	}
	return start < 0 && stop == -1
}

// bitopHolds knows BITOP operation dest key….
func bitopHolds(args []any) bool {
	operation, ok := wire(args, 1)
	if !ok {
		return false
	}
	return strings.EqualFold(operation, "and") || strings.EqualFold(operation, "or") || isNoneOf(args, 2, 3, len(args))
}
