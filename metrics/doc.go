// Package metrics is the catalogue of the metrics of Holdfast's pipelines, fleets and configuration
// files. It has the name, kind, unit, help and labels of each metric, and how its value is found.
// holdfastprom, holdfastotel and docs/metrics.md are made from it. It is for authors of exporters:
// a program that wants metrics uses one of those two packages.
//
// An exporter makes an instrument for each [Description] that [All] returns. Then it needs, for
// each name of pipelines:
//
//   - [Counts], for metrics that are counted from events: it finds the exporter's counter or
//     histogram for each event.
//   - [Pipelines], for metrics that are read: it returns their values as [Sample]s.
//
// [Fleets] reads the metrics of fleets, of all names. Their label is [Fleet], not [Pipeline].
// [ConfigFiles] reads those of configuration files, whose label is [ConfigFile].
//
// Pipelines with the same name are shown as one, and so are fleets. Counts, and what is in use
// (each [UpDownCounter]), are added up. Other values (each [Gauge]) are those of the pipeline or
// fleet that was added last. Configuration files of one path are also shown as one, by the worst
// of them.
package metrics
