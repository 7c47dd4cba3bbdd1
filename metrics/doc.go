// Package metrics is the catalogue of what is measured of Holdfast's pipelines: for each metric
// its name, kind, unit, help and labels, and how it is read. holdfastprom and holdfastotel are
// made from it, and so is docs/metrics.md. It is for authors of exporters; a program that wants
// metrics takes one of those two.
//
// An exporter makes an instrument of each [Description] that [All] returns. Then it needs, for the
// pipelines of each name:
//
//   - [Counts], for metrics that are counted from events: it finds the exporter's counter or
//     histogram for each event.
//   - [Pipelines], for metrics that are read: it returns how the pipelines stand as [Sample] values.
//
// Pipelines of one name are shown as one. What they have in use (each [UpDownCounter]) and what
// they counted is added up. The rest (each [Gauge]) is that of the pipeline that was added last.
package metrics
