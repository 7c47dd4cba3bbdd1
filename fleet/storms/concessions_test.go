package storms_test

// concessions are the rows and clients in which a fleet costs calls, and why.
var concessions = map[string]string{
	"outage 3 s: breaker":                  seen,
	"up 2 s, down 2 s, ten times: breaker": flaps,
	"up 2 s, down 2 s, ten times: retries": flaps,
	"capacity ¼ for 10 s: standard":        "while a quarter of the calls can be served, one pod's probe fails as often as not, and the others wait for it",
}

const (
	seen  = "ten calls are what a breaker alone needs to see, and at a call a second the outage is over by then; a fleet sees it after two seconds, and is open when it ends"
	flaps = "half of the calls fail: a breaker alone does not open by so few, and the fleet's sums are at its ratio"
)
