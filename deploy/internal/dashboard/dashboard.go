// Package dashboard makes the Grafana dashboard of deploy/grafana. What it shows is in rows.go;
// this file knows the form that Grafana wants it in. It is written into deploy/grafana by
//
//	go test ./deploy -run TestDashboardIsCurrent -update
package dashboard

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Guide is where the panels link to.
const Guide = "https://github.com/media-gateway/holdfast/blob/main/docs/observability.md"

const (
	columns = 24 // of Grafana's grid
	height  = 9  // of a panel, in the grid's units
)

type object map[string]any

var (
	datasource = object{"type": "prometheus", "uid": "${datasource}"}
	choice     = strings.NewReplacer("@job", `job=~"$job"`, "@", `job=~"$job",pipeline=~"$pipeline"`)
)

// JSON returns the dashboard as Grafana imports it. Equal versions of it are equal to the byte.
func JSON() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(object{
		"uid":           "holdfast",
		"title":         "Holdfast",
		"description":   "What Holdfast's pipelines do, per dependency: is it retrying, does that help, why did calls stop.",
		"tags":          []string{"holdfast"},
		"schemaVersion": 39, // Grafana 10.3 and later; a later one migrates it by itself
		"version":       1,
		"editable":      true,
		"graphTooltip":  1, // one cross-hair for all panels
		"refresh":       "10s",
		"time":          object{"from": "now-30m", "to": "now"},
		"timezone":      "browser",
		"links":         guide("The guide", ""),
		"annotations":   object{"list": []object{annotation()}},
		"templating":    object{"list": variables()},
		"panels":        panels(),
	})
	return out.Bytes(), err
}

func guide(title, anchor string) []object {
	return []object{{"title": title, "url": Guide + anchor, "type": "link", "targetBlank": true}}
}

func annotation() object {
	return object{
		"name": "Changes of pipelines", "enable": true, "iconColor": "blue", "datasource": datasource,
		"expr": choice.Replace(updates), "titleFormat": "{{pipeline}} was changed: {{kind}}",
	}
}

func variables() []object {
	everything := object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
	labels := func(name, title, query string) object {
		return object{
			"name": name, "label": title, "type": "query", "datasource": datasource, "definition": query,
			"query": object{"query": query, "refId": name}, "refresh": 2, // when the time range changes
			"multi": true, "includeAll": true, "allValue": ".*", "current": everything, "sort": 1,
		}
	}
	return []object{
		{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
		labels("job", "Job", "label_values(holdfast_calls_total, job)"),
		labels("pipeline", "Pipeline", `label_values(holdfast_calls_total{job=~"$job"}, pipeline)`),
	}
}

// panels puts the rows under each other, the panels of each side by side.
func panels() []object {
	var all []object
	y := 0
	for _, r := range rows {
		all = append(all, object{
			"id": len(all) + 1, "type": "row", "title": r.title, "collapsed": false, "panels": []object{},
			"gridPos": object{"x": 0, "y": y, "w": columns, "h": 1},
		})
		y++
		w := columns / len(r.panels)
		for i, p := range r.panels {
			o := p.object()
			o["id"] = len(all) + 1
			o["links"] = guide("How to read it", "#read-the-graphs")
			o["gridPos"] = object{"x": i * w, "y": y, "w": w, "h": height}
			all = append(all, o)
		}
		y += height
	}
	return all
}

func (p panel) object() object {
	var targets []object
	for i, t := range p.targets {
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "datasource": datasource, "editorMode": "code", "range": true,
			"expr": choice.Replace(t.expr), "legendFormat": t.legend,
		})
	}
	o := object{
		"type": "timeseries", "title": p.title, "description": p.description,
		"datasource": datasource, "targets": targets,
	}
	if p.states {
		return p.stateTimeline(o)
	}
	return p.timeSeries(o)
}

func (p panel) timeSeries(o object) object {
	custom := object{
		"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never",
		"stacking": object{"mode": "none", "group": "A"}, "thresholdsStyle": object{"mode": "off"},
	}
	steps := []object{{"color": "green", "value": nil}}
	if p.stacked {
		custom["stacking"], custom["fillOpacity"] = object{"mode": "normal", "group": "A"}, 40
	}
	if p.threshold != 0 {
		custom["thresholdsStyle"] = object{"mode": "dashed"}
		steps = append(steps, object{"color": "red", "value": p.threshold})
	}
	defaults := object{
		"unit": p.unit, "min": 0, "color": object{"mode": "palette-classic"}, "custom": custom,
		"thresholds": object{"mode": "absolute", "steps": steps},
	}
	if p.share {
		defaults["max"] = 1
	}
	o["fieldConfig"] = object{"defaults": defaults, "overrides": []object{dashed}}
	o["options"] = object{ // values beside the names: a curve is known by more than its colour
		"legend":  object{"showLegend": true, "displayMode": "table", "placement": "bottom", "calcs": []string{"lastNotNull", "max"}},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}
	return o
}

// dashed is how a limit, the slowest, or what did not really happen differs from the curves that it
// is compared with.
var dashed = object{
	"matcher": object{"id": "byRegexp", "options": "/ (all calls|most|fewest|with outcomes|would refuse \\(shadow\\)|p99)$/"},
	"properties": []object{
		{"id": "custom.lineStyle", "value": object{"fill": "dash", "dash": []int{8, 6}}},
		{"id": "custom.fillOpacity", "value": 0},
	},
}

func (p panel) stateTimeline(o object) object {
	o["type"] = "state-timeline"
	o["fieldConfig"] = object{
		"defaults": object{
			"unit": p.unit, "color": object{"mode": "thresholds"}, "custom": object{"fillOpacity": 70, "lineWidth": 0},
			"thresholds": object{"mode": "absolute", "steps": []object{{"color": "text", "value": nil}}},
			"mappings": []object{{"type": "value", "options": object{
				"0": object{"index": 0, "text": "closed", "color": "green"},
				"1": object{"index": 1, "text": "half-open", "color": "yellow"},
				"2": object{"index": 2, "text": "open", "color": "red"},
				"3": object{"index": 3, "text": "isolated", "color": "purple"},
			}}},
		},
		"overrides": []object{},
	}
	o["options"] = object{
		"showValue": "always", "alignValue": "left", "mergeValues": true, "rowHeight": 0.9,
		"legend":  object{"showLegend": true, "displayMode": "list", "placement": "bottom"},
		"tooltip": object{"mode": "single"},
	}
	return o
}
