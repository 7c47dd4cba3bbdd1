package holdfastotel_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastotel"
)

// broken is a configuration file that was refused.
type broken struct{}

func (broken) Status() holdfast.ConfigStatus {
	return holdfast.ConfigStatus{Path: "services.yaml", Applied: time.Unix(1700000000, 0), Err: errors.New("line 3: …"), Reloads: 3, Refusals: 1}
}

// A file is reported until the Observer is closed.
func TestAConfigurationFileIsReported(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t)
	o.FollowConfig(broken{})
	o.FollowConfig(broken{}) // twice is once
	o.FollowConfig(nil)
	const path = "config.path=services.yaml"
	requirePoints(t, points{
		"config.last_reload_successful{" + path + "}": 0, "config.last_reload_success_timestamp{" + path + "}": 1700000000,
		"config.reloads{" + path + ",config.result=applied}": 3, "config.reloads{" + path + ",config.result=refused}": 1,
	}, s.read(t))
	require.NoError(t, o.Close())
	require.NotContains(t, s.read(t), "config.last_reload_successful{"+path+"}")
}

// A program gives the Watcher of its file: observer.FollowConfig(watcher).
func ExampleObserver_FollowConfig() {
	reader := sdkmetric.NewManualReader()
	observer, err := holdfastotel.New(holdfastotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	if err != nil {
		panic(err)
	}
	var watcher holdfast.ConfigFile = broken{} // in a program: watcher, err := config.Watch(ctx, "services.yaml", services)
	observer.FollowConfig(watcher)

	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &metrics); err != nil {
		panic(err)
	}
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		if gauge, ok := m.Data.(metricdata.Gauge[float64]); ok {
			path, _ := gauge.DataPoints[0].Attributes.Value("holdfast.config.path")
			fmt.Println(m.Name, path.AsString(), gauge.DataPoints[0].Value)
		}
	}
	// Unordered output:
	// holdfast.config.last_reload_successful services.yaml 0
	// holdfast.config.last_reload_success_timestamp services.yaml 1.7e+09
}
