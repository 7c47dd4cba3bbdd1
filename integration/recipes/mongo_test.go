package recipes

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// charges writes to MongoDB. The driver's own retry of a write stays on: it repeats a write once,
// under a number by which the server knows it.
type charges struct {
	collection *mongo.Collection
	pipeline   *holdfast.Pipeline
}

func newCharges(uri string) (*charges, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(uri).
		SetServerSelectionTimeout(500 * time.Millisecond)) // default 30 s: no attempt would ever end by it
	if err != nil {
		return nil, err
	}
	pipeline, err := holdfast.New("charges", holdfast.Critical()...)
	if err != nil {
		return nil, err
	}
	return &charges{client.Database("shop").Collection("charges"), pipeline}, nil
}

// insert makes a charge once, however often it is tried: its _id is the order's.
func (c *charges) insert(ctx context.Context, order string, amount int) error {
	charge := bson.D{{Key: "_id", Value: order}, {Key: "amount", Value: amount}}
	attempts := 0
	return c.pipeline.Do(ctx, func(ctx context.Context) error {
		attempts++
		_, err := c.collection.InsertOne(ctx, charge)
		if attempts == 1 || !mongo.IsDuplicateKeyError(err) {
			return err
		}
		found := c.collection.FindOne(ctx, charge).Err()
		if errors.Is(found, mongo.ErrNoDocuments) {
			return err // what is there is another charge of this order
		}
		return found // nil: an earlier attempt did it, and its answer was lost
	})
}

// All that can be tried without a server: that there is none is Transient, and the call ends.
func TestMongoNoServer(t *testing.T) {
	t.Parallel()
	c, err := newCharges("mongodb://127.0.0.1:1/?directConnection=true")
	require.NoError(t, err)
	defer func() { require.NoError(t, c.collection.Database().Client().Disconnect(context.Background())) }()
	err = c.insert(t.Context(), "order-1", 100)
	stopped, ok := errors.AsType[*retry.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, resilience.Transient, resilience.Classify(stopped.Err), "%v", err)
	require.NotZero(t, failures(t, c.pipeline))
}

func newTriedCharges(t *testing.T, m *mongod) *charges {
	t.Helper()
	c, err := newCharges(m.uri())
	require.NoError(t, err)
	unhurried(t, c.pipeline) // the driver looks for a lost server every 500 ms
	t.Cleanup(func() { require.NoError(t, c.collection.Database().Client().Disconnect(context.Background())) })
	return c
}

// The first insert is carried out, and its answer lost. The second finds it.
func TestMongoLostAnswer(t *testing.T) {
	t.Parallel()
	m := newMongod(t)
	m.onInsert = func(n int) (carryOut, answer bool) { return true, n > 1 }
	require.NoError(t, newTriedCharges(t, m).insert(t.Context(), "order-1", 100))
	m.has(t, 2, "order-1", 100)
}

// The first insert is lost, and somebody else charges the order meanwhile, with another amount. To
// say that this charge was made would be wrong.
func TestMongoSomebodyElsesCharge(t *testing.T) {
	t.Parallel()
	m := newMongod(t)
	m.onInsert = func(n int) (carryOut, answer bool) {
		if n == 1 {
			m.charges["order-1"] = 200
		}
		return false, n > 1
	}
	err := newTriedCharges(t, m).insert(t.Context(), "order-1", 100)
	require.True(t, mongo.IsDuplicateKeyError(err), "%v", err)
	m.has(t, 2, "order-1", 200)
}
