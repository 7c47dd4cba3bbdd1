package storm_test

import (
	"strings"
	"time"

	"github.com/media-gateway/holdfast/storm"
)

// The presets a storm is played with. Standard goes through all of them. Critical and Background
// leave out those in which they do what Standard does, and Background those of a queue: it waits
// for any that there is here.
const (
	all      = "csb"
	busy     = "cs"
	standard = "s"
)

// groups are the tables of a preset, in their order.
var groups = []group{
	{"Some attempts fail", []trouble{
		failing("5 % fail", 0.05, standard),
		tuned(failing("20 % fail", 0.2, all)),
		tuned(failing("50 % fail", 0.5, all)),
		failing("60 % fail", 0.6, busy),
		{name: "one shard in ten down", with: busy, play: shard},
	}},
	{"Nothing works for a while", []trouble{
		tuned(trouble{name: "outage 10 s", with: all, play: hit(pool, lasts, storm.Trigger{ErrorRatio: 1})}),
		{name: "outage 3 s", with: busy, play: hit(pool, 3*time.Second, storm.Trigger{ErrorRatio: 1})},
		{name: "error after work", with: standard, play: hit(pool, lasts, storm.Trigger{ErrorRatio: 1, AfterWork: true})},
		tuned(trouble{name: "up 2 s, down 2 s", with: all, endless: true, play: flapping}),
		{name: "200 pods, outage 60 s", with: standard, seeds: 1, play: podsOut},
	}},
	{"It is slow", []trouble{
		tuned(trouble{name: "latency", with: all, play: latency}),
		{name: "creeping latency", with: busy, play: creeping},
		{name: "30 % hang", with: busy, play: hit(elastic, lasts, storm.Trigger{HopLoss: 0.163})},
		{name: "lossy network", with: busy, play: hit(elastic, lasts, storm.Trigger{HopLoss: 0.05})},
		tuned(trouble{name: "ramp", with: busy, play: ramp}),
	}},
	{"It cannot do all that is asked of it", []trouble{
		tuned(trouble{name: "capacity ¼", with: busy, play: hit(pool, lasts, storm.Trigger{CapacityLoss: 0.75})}),
		tuned(trouble{name: "load ×3", with: busy, play: spike}),
		tuned(trouble{name: "stall at 90 %", with: busy, play: stall}),
		{name: "brown-out, bounded queue", with: busy, play: brownOut},
		{name: "brown-out, overloads", with: busy, play: brownOutSaid},
		{name: "three times slower", with: busy, play: slower},
		{name: "half fail after work", with: busy, endless: true, play: halfAfterWork},
	}},
	{"Other clients", []trouble{
		tuned(trouble{name: "capacity ¼, 100 clients", with: busy, play: quiet}),
		{name: "200 pods, capacity for 40 %", with: standard, seeds: 1, play: podsSlow},
		{name: "brown-out, two hops", with: standard, play: twoHops},
		{name: "half do not retry", with: standard, play: halfRetry, kinds: []string{"who does", "who does not"}},
	}},
}

// each calls f with every trouble that is played with a preset.
func each(preset string, f func(trouble)) {
	for _, g := range groups {
		for _, t := range g.troubles {
			if t.playedWith(preset) {
				f(t)
			}
		}
	}
}

func (t trouble) playedWith(preset string) bool { return strings.Contains(t.with, preset[:1]) }

// limit is how many seeds there are of it where there are that many of the others.
func (t trouble) limit(seeds int) int {
	if t.seeds > 0 {
		return min(seeds, t.seeds)
	}
	return seeds
}
