package cli

import (
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/visible"
)

// Count is the value of a flag that counts something: a whole number of at least 1.
type Count int

// String returns the number; "" for 0, which means that the flag was not given.
func (c *Count) String() string {
	if c == nil || *c == 0 {
		return ""
	}
	return strconv.Itoa(int(*c))
}

// Set takes the number from text.
func (c *Count) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("want a whole number of at least 1 and at most %d", math.MaxInt32)
	}
	*c = Count(n)
	return nil
}

// parse sets the flags that args give and returns the arguments between them. Unlike flag.Parse it
// goes on after the first argument, since people add flags at the end, and a flag either has a
// value or has none: a switch is there or is not. "--" ends the flags.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(rest, args[i+1:]...), nil
		}
		if !isFlag(arg) {
			rest = append(rest, arg)
			continue
		}
		name, value, given := strings.Cut(dashless(arg), "=")
		f := fs.Lookup(name)
		switch {
		case f == nil && (name == "h" || name == "help"):
			return nil, flag.ErrHelp
		case f == nil:
			return nil, Misusef("unknown flag %s; %s", visible.Name("-"+name), wantFlag(fs, name))
		case isSwitch(f) && given:
			return nil, Misusef("flag -%s takes no value; want -%s alone, or not at all", name, name)
		case isSwitch(f):
			value = "true"
		case !given && i+1 < len(args):
			i++
			value = args[i]
		case !given:
			return nil, Misusef("flag -%s has no value; want -%s %s", name, name, valueName(f))
		}
		if err := f.Value.Set(value); err != nil {
			return nil, Misusef("flag -%s is %q; %s", name, value, wantValue(f, err))
		}
	}
	return rest, nil
}

// isFlag reports whether a word is a flag; "-" stands for a stream.
func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' }

// isSwitch reports whether the flag has no value.
func isSwitch(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// valueName returns what the flag's usage calls its value.
func valueName(f *flag.Flag) string {
	name, _ := flag.UnquoteUsage(f)
	return name
}

// wantValue says what value a flag takes, where package flag only says that it could not parse it.
func wantValue(f *flag.Flag, err error) string {
	if g, ok := f.Value.(flag.Getter); ok {
		switch g.Get().(type) {
		case int, int64:
			return "want a whole number"
		case uint, uint64:
			return "want a whole number of at least 0"
		case float64:
			return "want a number"
		case time.Duration:
			return "want a duration, such as 500ms"
		}
	}
	return err.Error()
}

func wantFlag(fs *flag.FlagSet, name string) string {
	names := []string{}
	fs.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
	return Want("-"+name, append(names, "-h"))
}
