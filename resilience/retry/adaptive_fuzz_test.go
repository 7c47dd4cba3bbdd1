package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/media-gateway/holdfast/resilience/retry"
)

// FuzzAdaptive: whatever the numbers, New answers without a panic, and what it accepts works: a
// call makes no more attempts than it may, its pauses are no longer than MaxDelay, and the figures
// are sound.
func FuzzAdaptive(f *testing.F) {
	f.Add(int64(0), 0, 0.0, 0.0, 0.0, int64(100e6), int64(5e9), uint64(0b1011))
	f.Add(int64(100e6), 1, 1.0, 1.0, 100.0, int64(1<<62+9), int64(1<<63-1), uint64(1<<63))
	f.Add(int64(1<<63-1), 524287, -1.0, -1.0, -1.0, int64(1), int64(-1), ^uint64(0))
	f.Fuzz(func(t *testing.T, window int64, samples int, gain, explore, stretch float64, base, limit int64, fails uint64) {
		p, err := retry.New(retry.Config{
			BaseDelay: time.Duration(base), MaxDelay: time.Duration(limit), Jitter: retry.NoJitter,
			Adaptive: &retry.Adaptive{Window: time.Duration(window), MinSamples: samples, MinGain: gain, Explore: explore, MaxStretch: stretch},
		})
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error that says nothing")
			}
			return
		}
		again, err := renewed(p, p.Config())
		if err != nil || *again.Config().Adaptive != *p.Config().Adaptive {
			t.Fatalf("a resolved Config does not resolve to itself: %v", err)
		}
		synctest.Test(t, func(t *testing.T) {
			p, err := renewed(p, p.Config())
			if err != nil {
				t.Fatal(err)
			}
			for call := range 40 {
				attempts, last := 0, time.Now()
				_ = p.Do(t.Context(), func(context.Context) error {
					if pause := time.Since(last); attempts > 0 && (pause < 0 || limit > 0 && pause > time.Duration(limit)) {
						t.Errorf("a pause of %v", pause)
					}
					last = time.Now()
					if attempts++; fails>>((call+attempts)%64)&1 == 1 {
						return errDown
					}
					return nil
				})
				if attempts < 1 || attempts > 4 {
					t.Errorf("%d attempts", attempts)
				}
			}
			learned := p.Learned()
			for _, a := range learned.Attempts {
				if a.Successes > a.Tries || !(a.Rate() >= 0 && a.Rate() <= 1) {
					t.Errorf("%+v", a)
				}
			}
			if most := max(1, p.Config().Adaptive.MaxStretch); !(learned.Stretch >= 1 && learned.Stretch <= most) {
				t.Errorf("a stretch of %v", learned.Stretch)
			}
		})
	})
}
