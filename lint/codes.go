package lint

import (
	"slices"
	"strings"
)

// The codes. They are stable: gaps stay free, and the code of a removed finding is not used again.
const (
	attemptsTooLate     = "HF001"
	attemptsNever       = "HF002"
	attemptCut          = "HF003"
	noAttemptDeadline   = "HF004"
	noDeadline          = "HF005"
	attemptDeadlineNear = "HF006"
	minAttemptTooLong   = "HF007"
	attemptsBoundCall   = "HF008"
	attemptsByLuck      = "HF009"

	noJitter      = "HF010"
	littleJitter  = "HF011"
	noLimit       = "HF012"
	noBudget      = "HF013"
	pausesUnknown = "HF014"
	neverPaid     = "HF015"
	neverWaits    = "HF016"
	nobodyWaits   = "HF017"
	endlessWait   = "HF018"
	shortQueue    = "HF019"

	shadow        = "HF020"
	floorDwarfs   = "HF021"
	burstCovers   = "HF022"
	ratioHuge     = "HF023"
	fedByArrivals = "HF024"
	outageLoad    = "HF025"
	fleet         = "HF026"
	bankRunsDry   = "HF027"

	ratioBlind    = "HF028"
	opensLate     = "HF029"
	windowBlind   = "HF030"
	neverOpens    = "HF031"
	ratioIdle     = "HF032"
	hangsUnseen   = "HF033"
	tripsOnNoise  = "HF034"
	tripsAtHalf   = "HF035"
	probesTooSoon = "HF036"
	probesHang    = "HF037"
	manyProbes    = "HF038"
	shutForLong   = "HF039"

	fillsWhenSlow = "HF040"
	neverFills    = "HF041"
	endlessQueue  = "HF042"
	waitsTooLong  = "HF043"
	nobodyQueues  = "HF044"
	neverSlow     = "HF045"
	ignoresDoubt  = "HF046"

	overTheRate      = "HF047"
	retriesUncounted = "HF048"
	waitsForNothing  = "HF049"

	cycleOfCalls    = "HF050"
	unknownService  = "HF051"
	layersUnlimited = "HF052"
	layersLimited   = "HF053"
	hopsMultiply    = "HF054"
	outlasts        = "HF055"

	onItsStore = "HF060"
	fewPods    = "HF061"
	keysAlone  = "HF062"

	unreadable  = "HF090"
	unknownCode = "HF091"
	idleSilence = "HF092"
	noReason    = "HF093"
)

// Doc is the background of a code.
type Doc struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	Text     string   `json:"text"` // some lines: what it is, why it hurts, the arithmetic and its source, when to silence it
}

// table holds every code, in order.
var table = trimmed(slices.Concat(timeDocs, retryDocs, budgetDocs, breakerDocs, bulkheadDocs, slowDocs, rateLimitDocs, hopDocs, fleetDocs, silenceDocs))

// checks are the checks of a single service. Those that need several services are in hops.go.
var checks = []func(subject){
	subject.checkTime, subject.checkRetries, subject.checkPatience, subject.checkBudget, subject.checkBreakers, subject.checkBulkheads, subject.checkRateLimits, subject.checkWaits,
	subject.checkStore, subject.checkKeys,
}

// trimmed removes the line breaks around the texts, which are there for readers of the source.
func trimmed(docs []Doc) []Doc {
	for i := range docs {
		docs[i].Text = strings.TrimSpace(docs[i].Text)
	}
	return docs
}

// Docs returns the background of all codes, in order. The caller may change the slice.
func Docs() []Doc { return slices.Clone(table) }

// Explain returns the background of a code ("HF001"), or false if there is none of that name.
func Explain(code string) (Doc, bool) {
	i := slices.IndexFunc(table, func(d Doc) bool { return d.Code == code })
	if i < 0 {
		return Doc{}, false
	}
	return table[i], true
}
