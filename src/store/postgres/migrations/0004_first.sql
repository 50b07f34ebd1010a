-- Schema 4, the first on PostgreSQL: the tables (internal, singular names) and views (the contract, plural names) that SQLite has
-- at the same number. Runs with search_path set to the schema that the URL names, which is ours alone.
--
-- Decimals are NUMERIC without limits: exact. Times are timestamptz, days are date, truths are boolean. Texts are compared byte by
-- byte (COLLATE "C"), so that order and case folding are the same on every server and on SQLite. Row ids are account_id * 2^32 + n
-- and come with the change set; no sequence is used anywhere.
--
-- Between the tables of an account there are no foreign keys, which ask for each row again: a commit asks once, for all of its rows,
-- whether what they refer to is there, and `possync verify` looks at the whole.

CREATE TABLE database_info (
    key text COLLATE "C" PRIMARY KEY,
    value text COLLATE "C" NOT NULL
);

-- One row per configured gateway: the lease, its fence, and the last commit under it.
CREATE TABLE gateway (
    gateway_id bigint PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    is_paper boolean,                    -- NULL: nobody connected yet; remembered from then on, a mismatch is refused
    epoch bigint NOT NULL,               -- raised by every new owner; every commit carries it
    owner text COLLATE "C",                        -- NULL: released
    lease_until timestamptz NOT NULL,
    lease_length bigint NOT NULL,        -- microseconds; commits renew the lease by it
    commits bigint NOT NULL DEFAULT 0,   -- transactions under this gateway: part of the fence, and what readers ask for cheaply
    runs bigint NOT NULL DEFAULT 0       -- syncs that were numbered
) WITH (fillfactor = 50);

-- One row per running service: which gateways it would serve, and until when it counts as alive.
CREATE TABLE service (
    owner text COLLATE "C" PRIMARY KEY,            -- host:pid:start, as in gateway.owner
    started_at timestamptz NOT NULL,
    live_until timestamptz NOT NULL      -- a heartbeat moves it on
);
CREATE TABLE service_gateway (
    owner text COLLATE "C" NOT NULL REFERENCES service (owner) ON DELETE CASCADE,
    gateway text COLLATE "C" NOT NULL,
    PRIMARY KEY (owner, gateway)
);

CREATE TABLE account (
    account_id bigint PRIMARY KEY,
    code text COLLATE "C" NOT NULL UNIQUE,
    gateway_id bigint NOT NULL REFERENCES gateway (gateway_id),
    revision bigint NOT NULL DEFAULT 0,
    next_id bigint NOT NULL DEFAULT 1,
    base_currency text COLLATE "C",
    is_paper boolean NOT NULL,
    last_synced_at timestamptz
) WITH (fillfactor = 50);

-- Shared by all accounts; con_id is the broker's key.
CREATE TABLE instrument (
    con_id bigint PRIMARY KEY,
    symbol text COLLATE "C" NOT NULL,
    local_symbol text COLLATE "C",
    sec_type text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    exchange text COLLATE "C",
    primary_exchange text COLLATE "C",
    trading_class text COLLATE "C",
    multiplier numeric NOT NULL,
    price_scale numeric,
    expiry text COLLATE "C",
    strike numeric,
    "right" text COLLATE "C",
    under_con_id bigint,
    time_zone text COLLATE "C",
    under_sec_type text COLLATE "C",               -- what an option is on: options on an index are settled in cash
    details_known boolean NOT NULL
);

-- Facts: what is known. The rows below them are a fold of these.
CREATE TABLE execution (
    account_id bigint NOT NULL,
    exec_id text COLLATE "C" NOT NULL,
    con_id bigint NOT NULL,
    time timestamptz NOT NULL,
    time_text text COLLATE "C",
    side text COLLATE "C" NOT NULL,
    shares numeric NOT NULL,
    price numeric NOT NULL,
    exchange text COLLATE "C",
    order_id bigint NOT NULL,
    perm_id bigint NOT NULL,
    client_id bigint NOT NULL,
    order_ref text COLLATE "C",
    model_code text COLLATE "C",
    cum_qty numeric NOT NULL,
    last_liquidity bigint NOT NULL,
    liquidation boolean NOT NULL,
    exercise_type bigint,
    commission numeric,
    commission_currency text COLLATE "C",
    broker_realized_pnl numeric,
    booking text COLLATE "C" NOT NULL,
    superseded_by text COLLATE "C",
    excluded boolean NOT NULL,
    recorded_at timestamptz NOT NULL,
    trade_date date,
    cause text COLLATE "C",                        -- NULL: an ordinary fill, or no statement spoke of it
    transaction_id text COLLATE "C",               -- of the statement's row that confirmed it
    sequence bigint NOT NULL DEFAULT 0,  -- place among the fills of one second, by the broker's transactions; 0: not told
    PRIMARY KEY (account_id, exec_id)
);
CREATE INDEX execution_by_time ON execution (account_id, con_id, time);

CREATE TABLE adjustment (
    adjustment_id bigint PRIMARY KEY,
    account_id bigint NOT NULL,
    con_id bigint NOT NULL,
    cause text COLLATE "C" NOT NULL,
    quantity numeric NOT NULL,
    price numeric,
    basis text COLLATE "C" NOT NULL,
    estimated_price numeric,
    ratio text COLLATE "C",
    effective_at timestamptz,            -- NULL: before everything (opening balance)
    recorded_at timestamptz NOT NULL,
    author text COLLATE "C" NOT NULL,
    note text COLLATE "C",
    undone_at timestamptz,
    undone_by text COLLATE "C",
    value numeric,                       -- exact total where the price alone would round
    reference text COLLATE "C",                    -- the statement's row that it came from
    acquired_at timestamptz              -- when what came was bought, under another conId
);

CREATE TABLE position (
    position_id bigint PRIMARY KEY,
    account_id bigint NOT NULL,
    con_id bigint NOT NULL,
    quantity numeric NOT NULL,
    average_price numeric,
    cost numeric,
    realized_pnl numeric NOT NULL,
    commissions numeric,
    net_realized_pnl numeric,
    estimated_realized_pnl numeric,
    unknown_closes bigint NOT NULL,
    opened_at timestamptz,
    closed_at timestamptz,
    opening_fact text COLLATE "C" NOT NULL,
    chain_fact text COLLATE "C",                   -- NULL: the opening fact itself
    revision bigint NOT NULL,
    superseded_at timestamptz            -- left the views at that time; kept for its events and history
);

CREATE TABLE position_close (
    close_id bigint PRIMARY KEY,
    position_id bigint NOT NULL,
    quantity_closed numeric NOT NULL,
    side text COLLATE "C" NOT NULL,
    entry_price numeric,
    exit_price numeric,
    realized_pnl numeric,
    realized_pnl_pct numeric,
    commissions numeric,
    net_realized_pnl numeric,
    estimated_realized_pnl numeric,
    broker_realized_pnl numeric,
    closed_at timestamptz,
    trade_date date,
    is_full_close boolean NOT NULL,
    cause text COLLATE "C" NOT NULL,
    basis text COLLATE "C" NOT NULL,
    exec_id text COLLATE "C",
    order_ref text COLLATE "C",
    closing_fact text COLLATE "C" NOT NULL,
    superseded_at timestamptz,
    revision bigint                      -- that wrote it
);
CREATE INDEX position_close_by_position ON position_close (position_id);

-- Lots of open positions only: a lot that is used up is deleted, the facts can tell it again.
CREATE TABLE lot (
    lot_id bigint PRIMARY KEY,
    position_id bigint NOT NULL,
    opening_fact text COLLATE "C" NOT NULL,
    open_exec_id text COLLATE "C",
    opened_at timestamptz,
    quantity numeric NOT NULL,
    remaining_quantity numeric NOT NULL,
    price numeric
);

-- Append-only.
CREATE TABLE position_event (
    event_id bigint PRIMARY KEY,
    position_id bigint NOT NULL,
    revision bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    quantity_before numeric NOT NULL,
    quantity_after numeric NOT NULL,
    average_price_before numeric,
    average_price_after numeric,
    occurred_at timestamptz,
    recorded_at timestamptz NOT NULL,
    sync_run_id bigint,
    exec_id text COLLATE "C"
);

-- What held when (valid) and since when we knew it (recorded); shown by the view position_history.
CREATE TABLE position_version (
    position_id bigint NOT NULL,
    valid_from timestamptz NOT NULL,
    revision bigint NOT NULL,            -- with step: keeps versions of one instant apart
    step bigint NOT NULL,
    valid_to timestamptz,
    quantity numeric NOT NULL,
    average_price numeric,
    realized_pnl numeric NOT NULL,
    commissions numeric,
    recorded_from timestamptz NOT NULL,
    recorded_to timestamptz,
    PRIMARY KEY (position_id, valid_from, revision, step)
);

CREATE TABLE break (
    break_id bigint PRIMARY KEY,
    account_id bigint NOT NULL,
    con_id bigint,                       -- NULL: of the whole account
    kind text COLLATE "C" NOT NULL,
    class text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    broker_value numeric,
    book_value numeric,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    looks bigint NOT NULL,
    last_change_at timestamptz NOT NULL,
    detail text COLLATE "C" NOT NULL
);
CREATE INDEX break_unresolved ON break (account_id, con_id) WHERE state IN ('settling', 'open');

-- Last values: no history, no revision.
CREATE TABLE mark (
    account_id bigint NOT NULL,
    con_id bigint NOT NULL,
    broker_avg_cost numeric,
    current_price numeric,
    market_value numeric,
    unrealized_pnl numeric,
    unrealized_pnl_pct numeric,
    broker_unrealized_pnl numeric,
    marked_at timestamptz,
    mark_source text COLLATE "C",
    PRIMARY KEY (account_id, con_id)
) WITH (fillfactor = 70);

CREATE TABLE account_value (
    account_id bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, key, currency)
) WITH (fillfactor = 70);

CREATE TABLE coverage_window (
    account_id bigint NOT NULL,
    stream text COLLATE "C" NOT NULL,
    from_time timestamptz NOT NULL,
    to_time timestamptz NOT NULL,
    state text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, stream, from_time)
);

-- A streak of unchanged runs is one row with a count. Rows older than the retention are deleted. Ids are gateway_id * 2^32 + n.
CREATE TABLE sync_run (
    sync_run_id bigint PRIMARY KEY,
    gateway text COLLATE "C" NOT NULL,
    account_id bigint,                   -- NULL: failed before the account was known
    account text COLLATE "C",
    "trigger" text COLLATE "C" NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    positions_created bigint NOT NULL,
    positions_updated bigint NOT NULL,
    positions_closed bigint NOT NULL,
    broker_positions bigint NOT NULL,
    repeats bigint NOT NULL,
    error text COLLATE "C",
    revision bigint
);
CREATE INDEX sync_run_of_account ON sync_run (account_id, sync_run_id);

-- What other processes ask of the one writer.
CREATE TABLE operator_request (
    request_id bigint PRIMARY KEY,
    verb text COLLATE "C" NOT NULL,
    arguments text COLLATE "C" NOT NULL,
    author text COLLATE "C" NOT NULL,
    asked_at timestamptz NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'failed')),
    answer text COLLATE "C",
    answered_at timestamptz,
    service text COLLATE "C"                       -- NULL: whichever sees it first
);
CREATE INDEX operator_request_pending ON operator_request (request_id) WHERE status = 'pending';

-- One row per committed change set, in the same transaction: what delivery to the outside goes by.
CREATE TABLE outbox (
    account_id bigint NOT NULL,
    revision bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    sync_run_id bigint,
    first_event_id bigint,               -- NULL, with last_event_id: a revision without events
    last_event_id bigint,
    epoch bigint NOT NULL,               -- of the gateway's owner that wrote it
    PRIMARY KEY (account_id, revision)
);

-- Where changes are delivered to, by the configuration's name, and the last revision each has acknowledged. An account that is newer
-- than the sink has no row until its first delivery.
CREATE TABLE sink (
    name text COLLATE "C" PRIMARY KEY,
    added_at timestamptz NOT NULL
);
CREATE TABLE sink_cursor (
    sink text COLLATE "C" NOT NULL REFERENCES sink (name) ON DELETE CASCADE,
    account_id bigint NOT NULL,
    revision bigint NOT NULL,
    acknowledged_at timestamptz NOT NULL,
    PRIMARY KEY (sink, account_id)
) WITH (fillfactor = 50);

-- Statements: what they say beside the facts, what comparing the book with them found. The conIds here are the statement's own: it
-- may name a contract that no fact names. con_id 0 is "of no instrument", where the key needs a value.
CREATE TABLE statement (
    account_id bigint NOT NULL,
    from_date date NOT NULL,
    to_date date NOT NULL,               -- inclusive
    generated_at timestamptz,
    query_name text COLLATE "C",
    source text COLLATE "C",
    sections text COLLATE "C" NOT NULL,
    trades bigint NOT NULL,
    imported_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, from_date, to_date)
);

-- What was held at the end of a day, as a whole and by lot. `number` is the row's place within the day: lots have no key.
CREATE TABLE statement_position (
    account_id bigint NOT NULL,
    date date NOT NULL,
    number bigint NOT NULL,
    con_id bigint NOT NULL,
    is_lot boolean NOT NULL,
    quantity numeric NOT NULL,
    cost_price numeric,
    cost_money numeric,
    mark_price numeric,
    fx_rate_to_base numeric,
    opened_at timestamptz,
    originating_transaction_id text COLLATE "C",
    PRIMARY KEY (account_id, date, number)
);

-- The trades themselves, as the statement counts them: a fill that leaves the book is missed by these.
CREATE TABLE statement_trade (
    account_id bigint NOT NULL,
    con_id bigint NOT NULL,
    trade_date date NOT NULL,
    exec_id text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    quantity numeric NOT NULL,
    realized_pnl numeric,
    PRIMARY KEY (account_id, con_id, trade_date, exec_id)
);

CREATE TABLE cash_transaction (
    account_id bigint NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    con_id bigint,
    symbol text COLLATE "C",
    currency text COLLATE "C" NOT NULL,
    amount numeric NOT NULL,
    fx_rate_to_base numeric,
    time timestamptz,
    report_date date NOT NULL,
    settle_date date,
    ex_date date,
    action_id text COLLATE "C",
    description text COLLATE "C",
    PRIMARY KEY (account_id, transaction_id)
);

CREATE TABLE instrument_succession (
    account_id bigint NOT NULL,
    action_id text COLLATE "C" NOT NULL,
    old_con_id bigint NOT NULL,
    new_con_id bigint NOT NULL,
    effective_date date NOT NULL,
    type text COLLATE "C" NOT NULL,
    ratio text COLLATE "C",
    cost_share numeric,
    PRIMARY KEY (account_id, action_id, old_con_id, new_con_id)
);

CREATE TABLE currency_rate (
    account_id bigint NOT NULL,
    date date NOT NULL,
    currency text COLLATE "C" NOT NULL,
    rate numeric NOT NULL,
    PRIMARY KEY (account_id, date, currency)
);

CREATE TABLE certification (
    account_id bigint NOT NULL,
    trade_date date NOT NULL,
    state text COLLATE "C" NOT NULL,
    executions bigint NOT NULL,
    positions bigint NOT NULL,
    lots bigint NOT NULL,
    statement_realized_pnl numeric,
    corrected bigint NOT NULL,
    "open" bigint NOT NULL,
    PRIMARY KEY (account_id, trade_date)
);

CREATE TABLE certification_difference (
    account_id bigint NOT NULL,
    trade_date date NOT NULL,
    kind text COLLATE "C" NOT NULL,
    con_id bigint NOT NULL,
    subject text COLLATE "C" NOT NULL,             -- '': the position
    state text COLLATE "C" NOT NULL,
    statement_value text COLLATE "C",
    book_value text COLLATE "C",
    cause text COLLATE "C",
    PRIMARY KEY (account_id, trade_date, kind, con_id, subject)
);

-- What of a statement this program does not know, kept for one that does.
CREATE TABLE statement_remainder (
    account_id bigint NOT NULL,
    section text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,              -- md5 of the content, which may be longer than an index takes
    content text COLLATE "C" NOT NULL,             -- JSON object
    PRIMARY KEY (account_id, section, digest)
);

-- Views. Columns are appended, never renamed, moved or dropped. Numbers are exact here, and so are they in the twins
-- <view>_numeric, which are there because SQLite needs them: the same SQL runs on both.

CREATE VIEW accounts AS
SELECT
    a.account_id, a.code AS account, 'IBKR' AS broker, g.name AS gateway, a.base_currency, a.is_paper,
    a.revision, a.last_synced_at,
    -- the last matched day before the first that is not
    (SELECT max(c.trade_date) FROM certification c
     WHERE c.account_id = a.account_id AND c.state = 'matched' AND c.trade_date < coalesce(
        (SELECT min(b.trade_date) FROM certification b WHERE b.account_id = a.account_id AND b.state <> 'matched'),
        'infinity')) AS certified_through
FROM account a JOIN gateway g USING (gateway_id);

CREATE VIEW instruments AS
SELECT
    i.con_id AS instrument_id, i.con_id, i.symbol, i.local_symbol, i.sec_type, i.currency, i.exchange,
    i.primary_exchange, i.trading_class, i.multiplier, i.price_scale, i.expiry, i.strike, i."right",
    i.under_con_id
FROM instrument i;

CREATE VIEW positions AS
SELECT
    p.position_id, p.account_id, a.code AS account, p.con_id, i.symbol, i.local_symbol, i.sec_type,
    i.currency, i.multiplier, CASE WHEN p.quantity = 0 THEN 'CLOSED' ELSE 'OPEN' END AS status, p.quantity,
    p.average_price, m.broker_avg_cost, m.current_price, m.market_value, m.unrealized_pnl,
    m.unrealized_pnl_pct, p.realized_pnl, p.commissions, p.net_realized_pnl, p.estimated_realized_pnl,
    p.unknown_closes, m.marked_at, m.mark_source, p.opened_at, p.closed_at,
    CASE WHEN p.quantity <> 0 THEN (
        SELECT min(b.opened_at)
        FROM break b WHERE b.account_id = p.account_id AND b.con_id = p.con_id AND b.kind = 'missing'
            AND b.state IN ('settling', 'open')) END AS missing_since,
    a.last_synced_at, p.revision, m.broker_unrealized_pnl
FROM position p
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id
    LEFT JOIN mark m ON m.account_id = p.account_id AND m.con_id = p.con_id AND p.quantity <> 0
WHERE p.superseded_at IS NULL;

CREATE VIEW position_closes AS
SELECT
    c.close_id, c.position_id, a.code AS account, p.con_id, i.symbol, c.quantity_closed, c.side,
    c.entry_price, c.exit_price, c.realized_pnl, c.realized_pnl_pct, c.commissions, c.net_realized_pnl,
    c.estimated_realized_pnl, c.broker_realized_pnl, i.currency, c.closed_at, c.trade_date, c.is_full_close,
    c.cause, c.basis, c.exec_id, c.order_ref, c.revision
FROM position_close c
    JOIN position p ON p.position_id = c.position_id
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id
WHERE c.superseded_at IS NULL AND p.superseded_at IS NULL;

CREATE VIEW position_events AS
SELECT
    e.event_id, e.revision, a.code AS account, e.position_id, p.con_id, i.symbol, e.kind, e.cause,
    e.quantity_before, e.quantity_after, e.average_price_before, e.average_price_after, e.occurred_at,
    e.recorded_at, e.sync_run_id, e.exec_id
FROM position_event e
    JOIN position p ON p.position_id = e.position_id
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id;

CREATE VIEW executions AS
SELECT
    x.exec_id, a.code AS account, x.con_id, i.symbol, x.time, x.side, x.shares,
    CASE x.side WHEN 'SLD' THEN -x.shares ELSE x.shares END AS signed_quantity,
    x.price, x.exchange, x.order_id, x.perm_id, x.client_id, x.order_ref, x.model_code, x.cum_qty,
    x.last_liquidity, x.commission, x.commission_currency, x.broker_realized_pnl, x.liquidation,
    x.trade_date, x.superseded_by, x.booking AS booked, x.time_text, x.exercise_type, x.excluded,
    x.recorded_at, x.cause, x.transaction_id
FROM execution x
    JOIN account a ON a.account_id = x.account_id
    JOIN instrument i ON i.con_id = x.con_id;

CREATE VIEW lots AS
SELECT
    l.lot_id, l.position_id, a.code AS account, p.con_id, i.symbol, l.open_exec_id, l.opened_at,
    l.quantity, l.remaining_quantity, l.price
FROM lot l
    JOIN position p ON p.position_id = l.position_id
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id
WHERE p.superseded_at IS NULL;

CREATE VIEW sync_runs AS
SELECT
    r.sync_run_id, r.gateway, r.account, r."trigger", r.started_at, r.finished_at,
    r.outcome, r.positions_created, r.positions_updated, r.positions_closed, r.broker_positions, r.error,
    r.revision, r.repeats
FROM sync_run r;

CREATE VIEW breaks AS
SELECT
    b.break_id, a.code AS account, b.con_id, i.symbol, b.kind, b.class, b.state, b.broker_value,
    b.book_value, b.opened_at, b.closed_at, b.detail, b.looks, b.last_change_at
FROM break b
    JOIN account a ON a.account_id = b.account_id
    LEFT JOIN instrument i ON i.con_id = b.con_id;

CREATE VIEW coverage AS
SELECT
    a.code AS account, w.stream, w.from_time, w.to_time, w.state, w.source
FROM coverage_window w JOIN account a ON a.account_id = w.account_id;

CREATE VIEW account_values AS
SELECT
    a.code AS account, v.key, v.currency, v.value, v.updated_at
FROM account_value v JOIN account a ON a.account_id = v.account_id;

CREATE VIEW adjustments AS
SELECT
    j.adjustment_id, a.code AS account, j.con_id, j.cause, j.quantity, j.price, j.ratio, j.effective_at,
    j.recorded_at, j.author, j.note, j.undone_by, i.symbol, j.basis, j.estimated_price, j.undone_at,
    j.value, j.reference, j.acquired_at
FROM adjustment j
    JOIN account a ON a.account_id = j.account_id
    JOIN instrument i ON i.con_id = j.con_id;

CREATE VIEW position_history AS
SELECT
    h.position_id, a.code AS account, p.con_id, i.symbol, h.quantity, h.average_price, h.realized_pnl,
    h.commissions, h.valid_from, h.valid_to, h.recorded_from, h.recorded_to
FROM position_version h
    JOIN position p ON p.position_id = h.position_id
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id;

CREATE VIEW statements AS
SELECT
    a.code AS account, s.from_date, s.to_date, s.generated_at, s.query_name, s.source, s.sections, s.trades,
    s.imported_at
FROM statement s JOIN account a ON a.account_id = s.account_id;

CREATE VIEW certifications AS
SELECT
    a.code AS account, c.trade_date, c.state, c.executions, c.positions, c.lots, c.statement_realized_pnl, c.corrected,
    c."open"
FROM certification c JOIN account a ON a.account_id = c.account_id;

CREATE VIEW certification_differences AS
SELECT
    a.code AS account, d.trade_date, d.kind, d.state, nullif(d.con_id, 0) AS con_id, i.symbol,
    nullif(d.subject, '') AS subject, d.statement_value, d.book_value, d.cause
FROM certification_difference d
    JOIN account a ON a.account_id = d.account_id
    LEFT JOIN instrument i ON i.con_id = d.con_id;

CREATE VIEW cash_transactions AS
SELECT
    a.code AS account, t.transaction_id, t.type, t.con_id, coalesce(i.symbol, t.symbol) AS symbol, t.currency, t.amount,
    t.fx_rate_to_base, t.time, t.report_date, t.settle_date, t.ex_date, t.action_id, t.description
FROM cash_transaction t
    JOIN account a ON a.account_id = t.account_id
    LEFT JOIN instrument i ON i.con_id = t.con_id;

CREATE VIEW instrument_successions AS
SELECT
    a.code AS account, s.old_con_id, o.symbol AS old_symbol, s.new_con_id, n.symbol AS new_symbol, s.effective_date,
    nullif(s.action_id, '') AS action_id, s.type, s.ratio, s.cost_share
FROM instrument_succession s
    JOIN account a ON a.account_id = s.account_id
    LEFT JOIN instrument o ON o.con_id = s.old_con_id
    LEFT JOIN instrument n ON n.con_id = s.new_con_id;

CREATE VIEW currency_rates AS
SELECT
    a.code AS account, r.date, r.currency, r.rate
FROM currency_rate r JOIN account a ON a.account_id = r.account_id;

CREATE VIEW accounts_numeric AS SELECT * FROM accounts;
CREATE VIEW instruments_numeric AS SELECT * FROM instruments;
CREATE VIEW positions_numeric AS SELECT * FROM positions;
CREATE VIEW position_closes_numeric AS SELECT * FROM position_closes;
CREATE VIEW position_events_numeric AS SELECT * FROM position_events;
CREATE VIEW executions_numeric AS SELECT * FROM executions;
CREATE VIEW lots_numeric AS SELECT * FROM lots;
CREATE VIEW sync_runs_numeric AS SELECT * FROM sync_runs;
CREATE VIEW breaks_numeric AS SELECT * FROM breaks;
CREATE VIEW coverage_numeric AS SELECT * FROM coverage;
-- Texts that are numbers; NULL where the broker sends a word.
CREATE VIEW account_values_numeric AS
SELECT
    account, key, currency,
    CASE WHEN value ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?$' THEN value::numeric END AS value, updated_at
FROM account_values;
CREATE VIEW adjustments_numeric AS SELECT * FROM adjustments;
CREATE VIEW position_history_numeric AS SELECT * FROM position_history;
CREATE VIEW statements_numeric AS SELECT * FROM statements;
CREATE VIEW certifications_numeric AS SELECT * FROM certifications;
CREATE VIEW certification_differences_numeric AS
SELECT
    account, trade_date, kind, state, con_id, symbol, subject,
    CASE WHEN statement_value ~ '^-?([0-9]+[.]?[0-9]*|[.][0-9]+)$' THEN statement_value::numeric END AS statement_value,
    CASE WHEN book_value ~ '^-?([0-9]+[.]?[0-9]*|[.][0-9]+)$' THEN book_value::numeric END AS book_value,
    cause
FROM certification_differences;
CREATE VIEW cash_transactions_numeric AS SELECT * FROM cash_transactions;
CREATE VIEW instrument_successions_numeric AS SELECT * FROM instrument_successions;
CREATE VIEW currency_rates_numeric AS SELECT * FROM currency_rates;
