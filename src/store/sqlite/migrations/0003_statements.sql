-- Statements: what they say beside the facts, what comparing the book with them found, and which facts they confirmed.
--
-- Dates are 'YYYY-MM-DD'. The conIds here are the statement's own: it may name a contract that no fact names, so they refer
-- to nothing. con_id 0 is "of no instrument", where the key needs a value.

-- Years of executions arrive in the order of their ids, which is no order of time: as keys of the table they would rewrite most
-- of it with every commit. Rows are appended now, and only the narrow index is written here and there.
DROP VIEW executions_numeric;
DROP VIEW executions;
DROP INDEX execution_by_time;
ALTER TABLE execution RENAME TO execution_2;
CREATE TABLE execution (
    execution_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    exec_id TEXT NOT NULL,
    con_id INTEGER NOT NULL REFERENCES instrument (con_id),
    time INTEGER NOT NULL,
    time_text TEXT,
    side TEXT NOT NULL,
    shares TEXT NOT NULL,
    price TEXT NOT NULL,
    exchange TEXT,
    order_id INTEGER NOT NULL,
    perm_id INTEGER NOT NULL,
    client_id INTEGER NOT NULL,
    order_ref TEXT,
    model_code TEXT,
    cum_qty TEXT NOT NULL,
    last_liquidity INTEGER NOT NULL,
    liquidation INTEGER NOT NULL,
    exercise_type INTEGER,
    commission TEXT,
    commission_currency TEXT,
    broker_realized_pnl TEXT,
    booking TEXT NOT NULL,
    superseded_by TEXT,
    excluded INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    trade_date TEXT,
    cause TEXT,                          -- NULL: an ordinary fill, or no statement spoke of it
    transaction_id TEXT,                 -- of the statement's row that confirmed it
    sequence INTEGER NOT NULL DEFAULT 0, -- place among the fills of one second, by the broker's transactions; 0: not told
    UNIQUE (account_id, exec_id)
) STRICT;
INSERT INTO execution (
    account_id, exec_id, con_id, time, time_text, side, shares, price, exchange, order_id, perm_id, client_id,
    order_ref, model_code, cum_qty, last_liquidity, liquidation, exercise_type, commission, commission_currency, broker_realized_pnl,
    booking, superseded_by, excluded, recorded_at, trade_date
)
SELECT
    account_id, exec_id, con_id, time, time_text, side, shares, price, exchange, order_id, perm_id, client_id,
    order_ref, model_code, cum_qty, last_liquidity, liquidation, exercise_type, commission, commission_currency, broker_realized_pnl,
    booking, superseded_by, excluded, recorded_at, trade_date
FROM execution_2 ORDER BY time, exec_id;
DROP TABLE execution_2;
CREATE INDEX execution_by_time ON execution (account_id, con_id, time);

ALTER TABLE adjustment ADD COLUMN value TEXT;            -- exact total where the price alone would round
ALTER TABLE adjustment ADD COLUMN reference TEXT;        -- the statement's row that it came from
ALTER TABLE adjustment ADD COLUMN acquired_at INTEGER;   -- when what came was bought, under another conId

CREATE TABLE statement (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    from_date TEXT NOT NULL,
    to_date TEXT NOT NULL,               -- inclusive
    generated_at INTEGER,
    query_name TEXT,
    source TEXT,
    sections TEXT NOT NULL,
    trades INTEGER NOT NULL,
    imported_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, from_date, to_date)
) STRICT, WITHOUT ROWID;

-- What was held at the end of a day, as a whole and by lot. `number` is the row's place within the day: lots have no key.
CREATE TABLE statement_position (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    date TEXT NOT NULL,
    number INTEGER NOT NULL,
    con_id INTEGER NOT NULL,
    is_lot INTEGER NOT NULL,
    quantity TEXT NOT NULL,
    cost_price TEXT,
    cost_money TEXT,
    mark_price TEXT,
    fx_rate_to_base TEXT,
    opened_at INTEGER,
    originating_transaction_id TEXT,
    PRIMARY KEY (account_id, date, number)
) STRICT, WITHOUT ROWID;

-- The trades themselves, as the statement counts them: a fill that leaves the book is missed by these. In the order in which an
-- import writes them, instrument by instrument.
CREATE TABLE statement_trade (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    con_id INTEGER NOT NULL,
    trade_date TEXT NOT NULL,
    exec_id TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    quantity TEXT NOT NULL,
    realized_pnl TEXT,
    PRIMARY KEY (account_id, con_id, trade_date, exec_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE cash_transaction (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    transaction_id TEXT NOT NULL,
    type TEXT NOT NULL,
    con_id INTEGER,
    symbol TEXT,
    currency TEXT NOT NULL,
    amount TEXT NOT NULL,
    fx_rate_to_base TEXT,
    time INTEGER,
    report_date TEXT NOT NULL,
    settle_date TEXT,
    ex_date TEXT,
    action_id TEXT,
    description TEXT,
    PRIMARY KEY (account_id, transaction_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE instrument_succession (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    action_id TEXT NOT NULL,
    old_con_id INTEGER NOT NULL,
    new_con_id INTEGER NOT NULL,
    effective_date TEXT NOT NULL,
    type TEXT NOT NULL,
    ratio TEXT,
    cost_share TEXT,
    PRIMARY KEY (account_id, action_id, old_con_id, new_con_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE currency_rate (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    date TEXT NOT NULL,
    currency TEXT NOT NULL,
    rate TEXT NOT NULL,
    PRIMARY KEY (account_id, date, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE certification (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    trade_date TEXT NOT NULL,
    state TEXT NOT NULL,
    executions INTEGER NOT NULL,
    positions INTEGER NOT NULL,
    lots INTEGER NOT NULL,
    statement_realized_pnl TEXT,
    corrected INTEGER NOT NULL,
    "open" INTEGER NOT NULL,
    PRIMARY KEY (account_id, trade_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE certification_difference (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    trade_date TEXT NOT NULL,
    kind TEXT NOT NULL,
    con_id INTEGER NOT NULL,
    subject TEXT NOT NULL,               -- '': the position
    state TEXT NOT NULL,
    statement_value TEXT,
    book_value TEXT,
    cause TEXT,
    PRIMARY KEY (account_id, trade_date, kind, con_id, subject)
) STRICT, WITHOUT ROWID;

-- What of a statement this program does not know, kept for one that does.
CREATE TABLE statement_remainder (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    section TEXT NOT NULL,
    content TEXT NOT NULL,               -- JSON object
    PRIMARY KEY (account_id, section, content)
) STRICT, WITHOUT ROWID;

-- certified_through: the last matched day before the first that is not.
DROP VIEW accounts_numeric;
DROP VIEW accounts;
CREATE VIEW accounts AS
SELECT
    a.account_id, a.code AS account, 'IBKR' AS broker, g.name AS gateway, a.base_currency, a.is_paper,
    a.revision,
    strftime('%Y-%m-%dT%H:%M:%S', a.last_synced_at / 1000000, 'unixepoch')
        || printf('.%06dZ', a.last_synced_at % 1000000) AS last_synced_at,
    (SELECT max(c.trade_date) FROM certification c
     WHERE c.account_id = a.account_id AND c.state = 'matched' AND c.trade_date < coalesce(
        (SELECT min(b.trade_date) FROM certification b WHERE b.account_id = a.account_id AND b.state <> 'matched'),
        '9999-12-31')) AS certified_through
FROM account a JOIN gateway g USING (gateway_id);
CREATE VIEW accounts_numeric AS
SELECT
    account_id, account, broker, gateway, base_currency, is_paper, revision, last_synced_at,
    certified_through
FROM accounts;

CREATE VIEW executions AS
SELECT
    x.exec_id, a.code AS account, x.con_id, i.symbol,
    strftime('%Y-%m-%dT%H:%M:%S', x.time / 1000000, 'unixepoch')
        || printf('.%06dZ', x.time % 1000000) AS time,
    x.side, x.shares, CASE x.side WHEN 'SLD' THEN '-' || x.shares ELSE x.shares END AS signed_quantity,
    x.price, x.exchange, x.order_id, x.perm_id, x.client_id, x.order_ref, x.model_code, x.cum_qty,
    x.last_liquidity, x.commission, x.commission_currency, x.broker_realized_pnl, x.liquidation,
    x.trade_date, x.superseded_by, x.booking AS booked, x.time_text, x.exercise_type, x.excluded,
    strftime('%Y-%m-%dT%H:%M:%S', x.recorded_at / 1000000, 'unixepoch')
        || printf('.%06dZ', x.recorded_at % 1000000) AS recorded_at,
    x.cause, x.transaction_id
FROM execution x
    JOIN account a ON a.account_id = x.account_id
    JOIN instrument i ON i.con_id = x.con_id;
CREATE VIEW executions_numeric AS
SELECT
    exec_id, account, con_id, symbol, time, side, CAST(shares AS REAL) AS shares,
    CAST(signed_quantity AS REAL) AS signed_quantity, CAST(price AS REAL) AS price, exchange, order_id,
    perm_id, client_id, order_ref, model_code, CAST(cum_qty AS REAL) AS cum_qty, last_liquidity,
    CAST(commission AS REAL) AS commission, commission_currency,
    CAST(broker_realized_pnl AS REAL) AS broker_realized_pnl, liquidation, trade_date, superseded_by, booked,
    time_text, exercise_type, excluded, recorded_at, cause, transaction_id
FROM executions;

DROP VIEW adjustments_numeric;
DROP VIEW adjustments;
CREATE VIEW adjustments AS
SELECT
    j.adjustment_id, a.code AS account, j.con_id, j.cause, j.quantity, j.price, j.ratio,
    strftime('%Y-%m-%dT%H:%M:%S', j.effective_at / 1000000, 'unixepoch')
        || printf('.%06dZ', j.effective_at % 1000000) AS effective_at,
    strftime('%Y-%m-%dT%H:%M:%S', j.recorded_at / 1000000, 'unixepoch')
        || printf('.%06dZ', j.recorded_at % 1000000) AS recorded_at,
    j.author, j.note, j.undone_by, i.symbol, j.basis, j.estimated_price,
    strftime('%Y-%m-%dT%H:%M:%S', j.undone_at / 1000000, 'unixepoch')
        || printf('.%06dZ', j.undone_at % 1000000) AS undone_at,
    j.value, j.reference,
    strftime('%Y-%m-%dT%H:%M:%S', j.acquired_at / 1000000, 'unixepoch')
        || printf('.%06dZ', j.acquired_at % 1000000) AS acquired_at
FROM adjustment j
    JOIN account a ON a.account_id = j.account_id
    JOIN instrument i ON i.con_id = j.con_id;
CREATE VIEW adjustments_numeric AS
SELECT
    adjustment_id, account, con_id, cause, CAST(quantity AS REAL) AS quantity, CAST(price AS REAL) AS price,
    ratio, effective_at, recorded_at, author, note, undone_by, symbol, basis,
    CAST(estimated_price AS REAL) AS estimated_price, undone_at,
    CAST(value AS REAL) AS value, reference, acquired_at
FROM adjustments;

CREATE VIEW statements AS
SELECT
    a.code AS account, s.from_date, s.to_date,
    replace(datetime(s.generated_at / 1000000, 'unixepoch'), ' ', 'T') || printf('.%06dZ', s.generated_at % 1000000)
        AS generated_at,
    s.query_name, s.source, s.sections, s.trades,
    replace(datetime(s.imported_at / 1000000, 'unixepoch'), ' ', 'T') || printf('.%06dZ', s.imported_at % 1000000) AS imported_at
FROM statement s JOIN account a ON a.account_id = s.account_id;
CREATE VIEW statements_numeric AS
SELECT
    account, from_date, to_date, generated_at, query_name, source, sections, trades, imported_at
FROM statements;

CREATE VIEW certifications AS
SELECT
    a.code AS account, c.trade_date, c.state, c.executions, c.positions, c.lots, c.statement_realized_pnl, c.corrected,
    c."open"
FROM certification c JOIN account a ON a.account_id = c.account_id;
CREATE VIEW certifications_numeric AS
SELECT
    account, trade_date, state, executions, positions, lots,
    CAST(statement_realized_pnl AS REAL) AS statement_realized_pnl, corrected, "open"
FROM certifications;

CREATE VIEW certification_differences AS
SELECT
    a.code AS account, d.trade_date, d.kind, d.state, nullif(d.con_id, 0) AS con_id, i.symbol,
    nullif(d.subject, '') AS subject, d.statement_value, d.book_value, d.cause
FROM certification_difference d
    JOIN account a ON a.account_id = d.account_id
    LEFT JOIN instrument i ON i.con_id = d.con_id;
CREATE VIEW certification_differences_numeric AS
SELECT
    account, trade_date, kind, state, con_id, symbol, subject,
    CASE WHEN statement_value GLOB '*[0-9]*' AND statement_value NOT GLOB '*[^-0-9.]*' AND statement_value NOT GLOB '?*-*'
        THEN CAST(statement_value AS REAL) END AS statement_value,
    CASE WHEN book_value GLOB '*[0-9]*' AND book_value NOT GLOB '*[^-0-9.]*' AND book_value NOT GLOB '?*-*'
        THEN CAST(book_value AS REAL) END AS book_value,
    cause
FROM certification_differences;

CREATE VIEW cash_transactions AS
SELECT
    a.code AS account, t.transaction_id, t.type, t.con_id, coalesce(i.symbol, t.symbol) AS symbol, t.currency, t.amount,
    t.fx_rate_to_base,
    replace(datetime(t.time / 1000000, 'unixepoch'), ' ', 'T') || printf('.%06dZ', t.time % 1000000) AS time,
    t.report_date, t.settle_date, t.ex_date, t.action_id, t.description
FROM cash_transaction t
    JOIN account a ON a.account_id = t.account_id
    LEFT JOIN instrument i ON i.con_id = t.con_id;
CREATE VIEW cash_transactions_numeric AS
SELECT
    account, transaction_id, type, con_id, symbol, currency, CAST(amount AS REAL) AS amount,
    CAST(fx_rate_to_base AS REAL) AS fx_rate_to_base, time, report_date, settle_date, ex_date, action_id, description
FROM cash_transactions;

CREATE VIEW instrument_successions AS
SELECT
    a.code AS account, s.old_con_id, o.symbol AS old_symbol, s.new_con_id, n.symbol AS new_symbol, s.effective_date,
    nullif(s.action_id, '') AS action_id, s.type, s.ratio, s.cost_share
FROM instrument_succession s
    JOIN account a ON a.account_id = s.account_id
    LEFT JOIN instrument o ON o.con_id = s.old_con_id
    LEFT JOIN instrument n ON n.con_id = s.new_con_id;
CREATE VIEW instrument_successions_numeric AS
SELECT
    account, old_con_id, old_symbol, new_con_id, new_symbol, effective_date, action_id, type, ratio,
    CAST(cost_share AS REAL) AS cost_share
FROM instrument_successions;

CREATE VIEW currency_rates AS
SELECT
    a.code AS account, r.date, r.currency, r.rate
FROM currency_rate r JOIN account a ON a.account_id = r.account_id;
CREATE VIEW currency_rates_numeric AS
SELECT
    account, date, currency, CAST(rate AS REAL) AS rate
FROM currency_rates;
