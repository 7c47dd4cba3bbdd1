package recipes

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"io"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastmysql"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// payment is a row. Its id is the caller's, so that a second INSERT is refused.
type payment struct {
	ID     string `gorm:"primaryKey;size:64"`
	Amount int
}

// store runs what gorm does in a transaction of a holdfastsql.DB.
type store struct {
	db   *holdfastsql.DB
	gorm *gorm.DB
}

func newStore(pool *sql.DB, p *holdfast.Pipeline) (*store, error) {
	db, err := holdfastmysql.New(pool, p)
	if err != nil {
		return nil, err
	}
	g, err := gorm.Open(mysql.New(mysql.Config{Conn: pool}), &gorm.Config{SkipDefaultTransaction: true})
	if err != nil {
		return nil, err
	}
	return &store{db, g}, nil
}

// tx runs fn in a transaction, and again in a new one if the first provably changed nothing.
func (s *store) tx(ctx context.Context, fn func(g *gorm.DB) error) error {
	return s.db.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		g := s.gorm.Session(&gorm.Session{NewDB: true, Context: ctx})
		g.Statement.ConnPool = tx
		return fn(g)
	})
}

// shop is a store behind a link that breaks, with a table of its own.
type shop struct {
	*store
	link     *link
	pipeline *holdfast.Pipeline
	table    string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	cfg, err := driver.ParseDSN(cmp.Or(os.Getenv("MYSQL_DSN"), "root@tcp(127.0.0.1:3306)/test"))
	require.NoError(t, err)
	direct, err := sql.Open("mysql", cfg.FormatDSN())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, direct.Close()) })
	if err := direct.PingContext(t.Context()); err != nil {
		missing(t, "no MariaDB at "+cfg.Addr+" ("+err.Error()+"); start one, or name one by MYSQL_DSN")
	}
	table := "gorm_" + strings.ToLower(rand.Text())
	_, err = direct.ExecContext(t.Context(), "create table "+table+" (id varchar(64) primary key, amount int)")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := direct.ExecContext(context.Background(), "drop table "+table)
		require.NoError(t, err)
	})

	k := newLink(t, cfg.Addr)
	cfg.Addr, cfg.Logger = k.addr(), log.New(io.Discard, "", 0)
	connector, err := driver.NewConnector(cfg)
	require.NoError(t, err)
	pool := sql.OpenDB(connector)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	p, err := holdfast.New("payments",
		holdfast.Classify(resilience.Errors(resilience.Permanent, gorm.ErrRecordNotFound)),
		deadline.In(time.Minute), retry.Custom(3, time.Millisecond, 5*time.Millisecond, true), breaker.Config{})
	require.NoError(t, err)
	s, err := newStore(pool, p)
	require.NoError(t, err)
	s.gorm.Logger = logger.Discard // it reports each fault
	return &shop{s, k, p, table}
}

// pay is what the tests try. runs counts how often its closure ran.
func (s *shop) pay(ctx context.Context, id string, runs *int) error {
	return s.tx(ctx, func(g *gorm.DB) error {
		*runs++
		return g.Table(s.table).Create(&payment{ID: id, Amount: 100}).Error
	})
}

// paid returns how many payments there are.
func (s *shop) paid(t *testing.T) (n int64) {
	t.Helper()
	require.NoError(t, s.gorm.WithContext(t.Context()).Table(s.table).Count(&n).Error)
	return n
}

// The connection breaks after the INSERT. Without a COMMIT nothing was changed, so the closure runs
// again, in a new transaction: vendurehq/vendure#5258 went on in the old one.
func TestGormLostBeforeCommit(t *testing.T) {
	t.Parallel()
	s, runs := newShop(t), 0
	s.link.loseAnswers("INSERT", 1)
	require.NoError(t, s.pay(t.Context(), "payment-1", &runs))
	require.Equal(t, 2, runs)
	require.EqualValues(t, 1, s.paid(t))
}

// The answer to COMMIT gets lost. The payment is made, and the caller learns that it may be:
// neo4j/neo4j-java-driver#593 is about drivers that retry then.
func TestGormLostCommit(t *testing.T) {
	t.Parallel()
	s, runs := newShop(t), 0
	s.link.loseAnswers("COMMIT", 1)
	err := s.pay(t.Context(), "payment-1", &runs)
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.True(t, resilience.NoRetry(err))
	require.Equal(t, 1, runs)
	require.EqualValues(t, 1, s.paid(t))

	err = s.pay(t.Context(), "payment-1", &runs) // who asks again is told
	require.ErrorContains(t, err, "Duplicate entry")
	require.Equal(t, resilience.Permanent, resilience.Classify(err))
	require.EqualValues(t, 1, s.paid(t))
}

// Nobody answers: nothing was sent, so all attempts are made, and nothing is unknown.
func TestGormDown(t *testing.T) {
	t.Parallel()
	s, runs := newShop(t), 0
	s.link.cut()
	err := s.pay(t.Context(), "payment-1", &runs)
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.Zero(t, runs)
	s.link.mend()
	require.NoError(t, s.pay(t.Context(), "payment-1", &runs))
	require.EqualValues(t, 1, s.paid(t))
}

// What is not there is no failure of the database.
func TestGormNotFound(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	err := s.tx(t.Context(), func(g *gorm.DB) error {
		return g.Table(s.table).First(&payment{}, "id = ?", "none").Error
	})
	require.ErrorIs(t, err, gorm.ErrRecordNotFound)
	require.Zero(t, failures(t, s.pipeline))
	require.EqualValues(t, 1, s.pipeline.Snapshot().Attempts)
}
