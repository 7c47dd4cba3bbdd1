package cli

import (
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Optional is a flag that may stand without a value. IsBoolFlag has to be true. Given as "-flag VALUE",
// the next word is its value if Takes says so, else an argument. A flag of its own without one is set to "true".
type Optional interface {
	flag.Value
	IsBoolFlag() bool
	Takes(next string) bool
}

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

// parse sets the flags that args give and returns the arguments between them. Unlike flag.Parse it goes on after
// the first argument, since people add flags at the end. "--" ends the flags.
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
			return nil, Misusef("unknown flag -%s; %s", name, wantFlag(fs, name))
		case !given && i+1 < len(args) && takesNext(f, args[i+1]):
			i++
			value = args[i]
		case !given && isBool(f):
			value = "true"
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

// takesNext reports whether the word after the flag is its value.
func takesNext(f *flag.Flag, next string) bool {
	if o, ok := f.Value.(Optional); ok {
		return o.Takes(next)
	}
	return !isBool(f)
}

func isBool(f *flag.Flag) bool {
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
		case bool:
			return "want true or false, or no value at all"
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
