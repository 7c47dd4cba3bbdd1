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

// Count is the value of a flag for a number of things: at least 1. 0 means that the flag is not
// set.
type Count int

// String returns the number, or "" for 0.
func (c *Count) String() string {
	if c == nil || *c == 0 {
		return ""
	}
	return strconv.Itoa(int(*c))
}

// Set parses the number.
func (c *Count) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("want a whole number of at least 1 and at most %d", math.MaxInt32)
	}
	*c = Count(n)
	return nil
}

// parse sets the flags in args, and returns the other arguments. Unlike flag.Parse it continues
// after the first argument, since people add flags at the end. And a switch never takes a value:
// -json=false is an error. "--" ends the flags.
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

// isFlag reports whether a word is a flag. "-" is not: it stands for standard input or output.
func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' }

// isSwitch reports whether the flag takes no value.
func isSwitch(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// valueName returns the name of the flag's value in its usage.
func valueName(f *flag.Flag) string {
	name, _ := flag.UnquoteUsage(f)
	return name
}

// wantValue says which value a flag takes. For the types of package flag, err only says that the
// value could not be parsed.
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
