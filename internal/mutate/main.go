package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	sample := flag.Int("sample", 400, "how many mistakes to make")
	seed := flag.Uint64("seed", 1, "which ones")
	least := flag.Float64("least", 0.9, "the least share that the tests have to notice")
	workers := flag.Int("workers", 2, "how many to try at once")
	files := flag.String("files", "", "the only files to make mistakes in, separated by commas; without packages, those of the files are tried. Tests among them are left out")
	with := flag.String("with", "", "packages whose tests are run as well, separated by commas")
	limit := flag.Duration("timeout", 2*time.Minute, "how long the tests of one package may take; longer is noticed as well")
	atMost := flag.Duration("for", 24*time.Hour, "how long to go on: after that no new mistake is made, and what was found is reported")
	flag.Parse()
	ok, err := run(os.Stdout, options{
		*sample, *seed, *least, *workers, *limit, *atMost, strings.FieldsFunc(*with, comma), strings.FieldsFunc(*files, comma),
	}, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func comma(r rune) bool { return r == ',' }

type options struct {
	sample  int
	seed    uint64
	least   float64
	workers int
	limit   time.Duration
	atMost  time.Duration
	with    []string
	files   []string
}

// sources returns the files that are no tests, as a mutant names them, and the folders of these.
func sources(files []string) (names, folders []string) {
	for _, file := range files {
		if strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
			names = append(names, path.Clean(filepath.ToSlash(file)))
			folders = append(folders, "./"+path.Dir(filepath.ToSlash(file)))
		}
	}
	slices.Sort(folders)
	return names, slices.Compact(folders)
}

// run reports whether the tests notice as many mistakes as they have to.
func run(out io.Writer, o options, patterns []string) (bool, error) {
	names, folders := sources(o.files)
	if len(patterns) == 0 {
		patterns = folders
	}
	if len(patterns) == 0 || len(o.files) > 0 && len(names) == 0 {
		return false, errors.New("want patterns of packages, ./resilience/... say, or files that are no tests")
	}
	all, packages, err := everyMutant(patterns)
	if err != nil {
		return false, err
	}
	if len(names) > 0 {
		all = slices.DeleteFunc(all, func(m *mutant) bool { return !slices.Contains(names, m.name) })
	}
	others := packages
	if len(o.with) > 0 {
		with, err := list(o.with)
		if err != nil {
			return false, err
		}
		others = slices.Concat(packages, with)
	}
	t := &trial{packages: others, limit: o.limit, known: reasons(survivors), out: out}
	if err := t.withoutMistakes(); err != nil {
		return false, err
	}
	random := rand.New(rand.NewPCG(o.seed, o.seed))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	fmt.Fprintf(out, "%d possible mistakes in %d packages; seed %d\n", len(all), len(packages), o.seed)
	if err := t.all(all, o); err != nil {
		return false, err
	}
	if len(all) > 0 && t.tried() == 0 {
		return false, errors.New("none of the mistakes could be built")
	}
	return t.report(o.least), nil
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir string
	Export          string // the file with its types, if that was asked for
	GoFiles, Deps   []string
	TestImports     []string
	XTestImports    []string
}

func list(arguments []string) ([]listed, error) {
	text, err := exec.Command("go", append([]string{"list", "-json"}, arguments...)...).Output() //nolint:gosec // patterns of whoever runs it
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []listed
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	return packages, nil
}
