package docs

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
)

const configuration = "configuration.md"

// Every block of YAML in the document loads. One that is marked as wrong does not, and is followed
// by what Load says of it; of a manifest, what it carries loads.
func TestYAMLOfConfigurationLoads(t *testing.T) {
	seen := map[string]int{}
	for _, block := range append(yamlBlocks(read(t, configuration)), yamlBlocks(read(t, "fleet.md"))...) {
		seen[block.mark]++
		switch block.mark {
		case "":
			_, err := parseNamed(block.text)
			require.NoError(t, err, "%s", block.text)
		case "wrong":
			_, err := parseNamed(block.text)
			require.EqualError(t, err, block.next, "%s", block.text)
		case "manifest":
			var manifest struct {
				Data map[string]string `yaml:"data"`
			}
			require.NoError(t, yaml.Unmarshal([]byte(block.text), &manifest))
			require.NotEmpty(t, manifest.Data)
			for _, text := range manifest.Data {
				_, err := parseNamed(text)
				require.NoError(t, err, "%s", text)
			}
		default:
			t.Errorf("a block of YAML is marked %q", block.mark)
		}
	}
	require.Greater(t, seen[""], 3)
	require.Positive(t, seen["wrong"])
	require.Positive(t, seen["manifest"])
}

// What is said of the environment holds.
func TestEnvironmentOfConfigurationApplies(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, configuration), "```sh\nHOLDFAST_")
	block, _, ok := strings.Cut("HOLDFAST_"+rest, "```")
	require.True(t, ok)
	var environ []string
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, " ")
		environ = append(environ, strings.TrimSpace(line))
	}
	file, err := config.Parse(strings.NewReader("services: {payments: {}, audit-log: {}}"), config.WithEnvironment(environ))
	require.NoError(t, err)
	payments, _ := file.Service("payments")
	require.Equal(t, 0.2, payments.Budget.Ratio)
	require.Nil(t, payments.Breaker)
	log, _ := file.Service("audit-log")
	require.Equal(t, "20s", log.Deadline.String())

	text := read(t, configuration)
	for variable, refused := range map[string]bool{
		"HOLDFAST_PAYMENTS_RETRYS=off": true, "HOLDFAST_PAYMENTS=off": true, "HOLDFAST_DEFAULTS_DEADLINE=2s": false, "HOLDFAST_PAYMENTZ=off": false,
	} {
		require.Contains(t, text, "`"+variable+"`")
		_, err := config.Parse(strings.NewReader("services: {payments: {}}"), config.WithEnvironment([]string{variable}))
		require.Equal(t, refused, err != nil, variable)
	}
}

// The document shows the origin that is printed, of the file above it.
func TestOriginOfConfigurationIsTrue(t *testing.T) {
	_, after, ok := strings.Cut(read(t, configuration), "`Service.Origin`")
	require.True(t, ok)
	file, err := parseNamed(yamlBlocks(after)[0].text)
	require.NoError(t, err)
	payments, _ := file.Service("payments")
	origin, _ := payments.Origin("retry.max_retries")
	require.Contains(t, after, fmt.Sprintf("fmt.Println(origin) // %s\n", origin))
}

type yamlBlock struct {
	mark string // what stands behind ```yaml
	text string
	next string // the block of text that follows
}

var yamlFence = regexp.MustCompile("(?s)```yaml([^\n]*)\n(.*?)\n```\n(?:\n```text\n(.*?)\n```\n)?")

func yamlBlocks(text string) (blocks []yamlBlock) {
	for _, m := range yamlFence.FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, yamlBlock{mark: strings.TrimSpace(m[1]), text: m[2], next: m[3]})
	}
	return blocks
}

// namedReader is a text with the name of a file.
type namedReader struct{ io.Reader }

func (namedReader) Name() string { return "services.yaml" }

func parseNamed(text string) (*config.Config, error) {
	return config.Parse(namedReader{strings.NewReader(text)}, config.WithEnvironment(nil))
}

// The blocks of Go in the document.

func fromFile() (*holdfast.Pipeline, error) {
	file, err := config.Load("services.yaml")
	if err != nil {
		return nil, err // every problem, with its line
	}
	return holdfast.New("payments", file.Services()["payments"]...)
}

func printOrigin(file *config.Config) {
	payments, _ := file.Service("payments")
	origin, _ := payments.Origin("retry.max_retries")
	fmt.Println(origin) // services.yaml:4:13 (service)
}

func TestConfigurationShortest(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := fromFile()
	require.ErrorContains(t, err, "services.yaml")

	require.NoError(t, os.WriteFile("services.yaml", []byte("services:\n  payments: {template: critical}\n"), 0o600))
	payments, err := fromFile()
	require.NoError(t, err)
	require.NoError(t, payments.Do(t.Context(), func(context.Context) error { return nil }))
	critical, err := holdfast.New("payments", holdfast.Critical()...)
	require.NoError(t, err)
	require.Equal(t, critical.String(), payments.String())

	file, err := config.Load("services.yaml")
	require.NoError(t, err)
	printOrigin(file)
}
