-- A database of schema 6 with one account: bought 100 AAPL at 150, sold 60 at 160, one statement, a sink that has one change to come, an alert that is raised, and a sync that failed. Never edited.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE account (
    account_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    gateway_id INTEGER NOT NULL REFERENCES gateway (gateway_id),
    revision INTEGER NOT NULL DEFAULT 0,
    next_id INTEGER NOT NULL DEFAULT 1,
    base_currency TEXT,
    is_paper INTEGER NOT NULL,
    last_synced_at INTEGER
) STRICT;
INSERT INTO account VALUES(1,'DU1234567',1,2,7,'USD',1,1795435199000000);
CREATE TABLE account_value (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    key TEXT NOT NULL,
    currency TEXT NOT NULL,
    value TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, key, currency)
) STRICT, WITHOUT ROWID;
INSERT INTO account_value VALUES(1,'AccountType','','INDIVIDUAL',1795435198000000);
INSERT INTO account_value VALUES(1,'NetLiquidation','USD','1000950.50',1795435198000000);
CREATE TABLE adjustment (
    adjustment_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    con_id INTEGER NOT NULL REFERENCES instrument (con_id),
    cause TEXT NOT NULL,
    quantity TEXT NOT NULL,
    price TEXT,
    basis TEXT NOT NULL,
    estimated_price TEXT,
    ratio TEXT,
    effective_at INTEGER,                -- NULL: before everything (opening balance)
    recorded_at INTEGER NOT NULL,
    author TEXT NOT NULL,
    note TEXT,
    undone_at INTEGER,
    undone_by TEXT
, value TEXT, reference TEXT, acquired_at INTEGER) STRICT;
CREATE TABLE break (
    break_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    con_id INTEGER REFERENCES instrument (con_id),  -- NULL: of the whole account
    kind TEXT NOT NULL,
    class TEXT NOT NULL,
    state TEXT NOT NULL,
    broker_value TEXT,
    book_value TEXT,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    looks INTEGER NOT NULL,
    last_change_at INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;
INSERT INTO break VALUES(4294967302,1,265598,'missing','alert','settling','0','40',1795435160000000,NULL,0,1795435160000000,'not in the last two snapshots');
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
INSERT INTO cash_transaction VALUES(1,'77','Dividends',265598,'AAPL','USD','12.34','1',NULL,'2026-11-18','2026-11-20','2026-11-03','98765','AAPL cash dividend');
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
INSERT INTO certification VALUES(1,'2026-11-20','matched',3,4,5,'-6.5',7,0);
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
INSERT INTO certification_difference VALUES(1,'2026-11-20','commission',265598,'0001.01.01','corrected','1.25','1','came late');
CREATE TABLE coverage_window (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    stream TEXT NOT NULL,
    from_time INTEGER NOT NULL,
    to_time INTEGER NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (account_id, stream, from_time)
) STRICT, WITHOUT ROWID;
INSERT INTO coverage_window VALUES(1,'executions',1795431600000000,1795435199000000,'complete','pull');
CREATE TABLE currency_rate (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    date TEXT NOT NULL,
    currency TEXT NOT NULL,
    rate TEXT NOT NULL,
    PRIMARY KEY (account_id, date, currency)
) STRICT, WITHOUT ROWID;
INSERT INTO currency_rate VALUES(1,'2026-11-20','EUR','1.0625');
CREATE TABLE database_info (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
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
INSERT INTO execution VALUES(1,1,'0001.01.01',265598,1795435000000000,NULL,'BOT','100','150',NULL,0,0,0,NULL,NULL,'0',0,0,NULL,'1','USD',NULL,'booked',NULL,0,1795435000000000,NULL,NULL,NULL,0);
INSERT INTO execution VALUES(2,1,'0002.01.01',265598,1795435140000123,NULL,'SLD','60','160',NULL,0,0,0,NULL,NULL,'0',0,0,NULL,NULL,NULL,NULL,'booked',NULL,0,1795435140000123,NULL,'assignment','23456789012',23456789012);
CREATE TABLE gateway (
    gateway_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,              -- raised by every new owner; every commit carries it
    owner TEXT,                          -- NULL: released
    lease_until INTEGER NOT NULL,
    lease_length INTEGER NOT NULL        -- microseconds; commits renew the lease by it
, is_paper INTEGER) STRICT;
INSERT INTO gateway VALUES(1,'paper',1,'host:1:1',1795435230000000,30000000,1);
CREATE TABLE instrument (
    instrument_id INTEGER PRIMARY KEY,
    con_id INTEGER NOT NULL UNIQUE,
    symbol TEXT NOT NULL,
    local_symbol TEXT,
    sec_type TEXT NOT NULL,
    currency TEXT NOT NULL,
    exchange TEXT,
    primary_exchange TEXT,
    trading_class TEXT,
    multiplier TEXT NOT NULL,
    price_scale TEXT,
    expiry TEXT,
    strike TEXT,
    "right" TEXT,
    under_con_id INTEGER,
    time_zone TEXT,
    details_known INTEGER NOT NULL
, under_sec_type TEXT) STRICT;
INSERT INTO instrument VALUES(1,265598,'AAPL',NULL,'STK','USD',NULL,NULL,NULL,'1',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL);
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
INSERT INTO instrument_succession VALUES(1,'98765',265598,265599,'2026-11-09','TC','1:2','0.75');
CREATE TABLE lot (
    lot_id INTEGER PRIMARY KEY,
    position_id INTEGER NOT NULL REFERENCES position (position_id),
    opening_fact TEXT NOT NULL,
    open_exec_id TEXT,
    opened_at INTEGER,
    quantity TEXT NOT NULL,
    remaining_quantity TEXT NOT NULL,
    price TEXT
) STRICT;
INSERT INTO lot VALUES(4294967298,4294967297,'0001.01','0001.01.01',1795435000000000,'100','40','150');
CREATE TABLE mark (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    con_id INTEGER NOT NULL REFERENCES instrument (con_id),
    broker_avg_cost TEXT,
    current_price TEXT,
    market_value TEXT,
    unrealized_pnl TEXT,
    unrealized_pnl_pct TEXT,
    broker_unrealized_pnl TEXT,
    marked_at INTEGER,
    mark_source TEXT,
    PRIMARY KEY (account_id, con_id)
) STRICT, WITHOUT ROWID;
INSERT INTO mark VALUES(1,265598,'150.01','161.5','6460','460','7.6667','459.6',1795435199000000,'portfolio');
CREATE TABLE operator_request (
    request_id INTEGER PRIMARY KEY,
    verb TEXT NOT NULL,
    arguments TEXT NOT NULL,
    author TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'failed')),
    answer TEXT,
    answered_at INTEGER
, service TEXT) STRICT;
CREATE TABLE outbox (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    revision INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    sync_run_id INTEGER, first_event_id INTEGER, last_event_id INTEGER,
    PRIMARY KEY (account_id, revision)
) STRICT, WITHOUT ROWID;
INSERT INTO outbox VALUES(1,2,1795435200000000,1,5,6);
CREATE TABLE position (
    position_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    con_id INTEGER NOT NULL REFERENCES instrument (con_id),
    quantity TEXT NOT NULL,
    average_price TEXT,
    cost TEXT,
    realized_pnl TEXT NOT NULL,
    commissions TEXT,
    net_realized_pnl TEXT,
    estimated_realized_pnl TEXT,
    unknown_closes INTEGER NOT NULL,
    opened_at INTEGER,
    closed_at INTEGER,
    opening_fact TEXT NOT NULL,
    chain_fact TEXT,                     -- NULL: the opening fact itself
    revision INTEGER NOT NULL,
    superseded_at INTEGER                -- left the views at that time; kept for its events and history
) STRICT;
INSERT INTO position VALUES(4294967297,1,265598,'40','150','6000','600',NULL,NULL,NULL,0,1795435000000000,NULL,'0001.01',NULL,2,NULL);
CREATE TABLE position_close (
    close_id INTEGER PRIMARY KEY,
    position_id INTEGER NOT NULL REFERENCES position (position_id),
    quantity_closed TEXT NOT NULL,
    side TEXT NOT NULL,
    entry_price TEXT,
    exit_price TEXT,
    realized_pnl TEXT,
    realized_pnl_pct TEXT,
    commissions TEXT,
    net_realized_pnl TEXT,
    estimated_realized_pnl TEXT,
    broker_realized_pnl TEXT,
    closed_at INTEGER,
    trade_date TEXT,
    is_full_close INTEGER NOT NULL,
    cause TEXT NOT NULL,
    basis TEXT NOT NULL,
    exec_id TEXT,
    order_ref TEXT,
    closing_fact TEXT NOT NULL,
    superseded_at INTEGER
, revision INTEGER) STRICT;
INSERT INTO position_close VALUES(4294967300,4294967297,'60','SLD','150','160','600','6.6667',NULL,NULL,NULL,NULL,1795435140000000,'2026-11-23',0,'execution','executions','0002.01.01',NULL,'0002.01',NULL,2);
CREATE TABLE position_event (
    event_id INTEGER PRIMARY KEY,
    position_id INTEGER NOT NULL REFERENCES position (position_id),
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    cause TEXT NOT NULL,
    quantity_before TEXT NOT NULL,
    quantity_after TEXT NOT NULL,
    average_price_before TEXT,
    average_price_after TEXT,
    occurred_at INTEGER,
    recorded_at INTEGER NOT NULL,
    sync_run_id INTEGER,
    exec_id TEXT
) STRICT;
INSERT INTO position_event VALUES(4294967299,4294967297,1,'opened','execution','0','100',NULL,'150',1795435000000000,1795435100000000,1,'0001.01.01');
INSERT INTO position_event VALUES(4294967301,4294967297,2,'reduced','execution','100','40',NULL,'150',1795435000000000,1795435150000000,2,'0002.01.01');
CREATE TABLE position_version (
    position_id INTEGER NOT NULL REFERENCES position (position_id),
    valid_from INTEGER NOT NULL,
    revision INTEGER NOT NULL,           -- with step: keeps versions of one instant apart
    step INTEGER NOT NULL,
    valid_to INTEGER,
    quantity TEXT NOT NULL,
    average_price TEXT,
    realized_pnl TEXT NOT NULL,
    commissions TEXT,
    recorded_from INTEGER NOT NULL,
    recorded_to INTEGER,
    PRIMARY KEY (position_id, valid_from, revision, step)
) STRICT, WITHOUT ROWID;
INSERT INTO position_version VALUES(4294967297,1795435000000000,1,1,NULL,'100','150','0','1',1795435100000000,1795435150000000);
INSERT INTO position_version VALUES(4294967297,1795435000000000,2,1,1795435140000000,'100','150','0','1',1795435150000000,NULL);
INSERT INTO position_version VALUES(4294967297,1795435140000000,2,2,NULL,'40','150','600',NULL,1795435150000000,NULL);
CREATE TABLE service (
    owner TEXT PRIMARY KEY,              -- host:pid:start, as in gateway.owner
    started_at INTEGER NOT NULL,
    live_until INTEGER NOT NULL          -- a heartbeat moves it on
) STRICT, WITHOUT ROWID;
INSERT INTO service VALUES('host:1:1',1795435000000000,1795435230000000);
CREATE TABLE service_gateway (
    owner TEXT NOT NULL REFERENCES service (owner) ON DELETE CASCADE,
    gateway TEXT NOT NULL,
    PRIMARY KEY (owner, gateway)
) STRICT, WITHOUT ROWID;
INSERT INTO service_gateway VALUES('host:1:1','paper');
CREATE TABLE sink (
    name TEXT PRIMARY KEY,
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sink VALUES('orders',1795435100000000);
CREATE TABLE sink_cursor (
    sink TEXT NOT NULL REFERENCES sink (name) ON DELETE CASCADE,
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    revision INTEGER NOT NULL,
    acknowledged_at INTEGER NOT NULL,
    PRIMARY KEY (sink, account_id)
) STRICT, WITHOUT ROWID;
INSERT INTO sink_cursor VALUES('orders',1,1,1795435190000000);
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
INSERT INTO statement VALUES(1,'2026-11-01','2026-11-20',1795435191000000,'daily','a.xml','Trades OpenPositions',17,1795435201000000);
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
INSERT INTO statement_position VALUES(1,'2026-11-20',1,265598,0,'40','150','6000','161.5','1',NULL,NULL);
CREATE TABLE statement_remainder (
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    section TEXT NOT NULL,
    content TEXT NOT NULL,               -- JSON object
    PRIMARY KEY (account_id, section, content)
) STRICT, WITHOUT ROWID;
INSERT INTO statement_remainder VALUES(1,'Trades/@novelty','{"a": "1"}');
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
CREATE TABLE sync_run (
    sync_run_id INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL,
    account_id INTEGER REFERENCES account (account_id),  -- NULL: failed before the account was known
    account TEXT,
    "trigger" TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    positions_created INTEGER NOT NULL,
    positions_updated INTEGER NOT NULL,
    positions_closed INTEGER NOT NULL,
    repeats INTEGER NOT NULL,
    error TEXT,
    revision INTEGER
, broker_positions INTEGER) STRICT;
INSERT INTO sync_run VALUES(1,'paper',1,'DU1234567','scheduled',1795435090000000,1795435091000000,'committed',0,0,0,1,NULL,1,1);
INSERT INTO sync_run VALUES(2,'paper',1,'DU1234567','trade',1795435145000000,1795435146000000,'committed',0,0,0,1,NULL,2,1);
INSERT INTO sync_run VALUES(3,'paper',1,'DU1234567','manual',1795435150000000,1795435151000000,'failed',0,0,0,1,'the list of positions did not come in time',NULL,NULL);
CREATE TABLE alert (
    condition TEXT NOT NULL,             -- quantity_break, stale, guard, ...
    account TEXT NOT NULL,               -- '': of the gateway as a whole
    subject TEXT NOT NULL,               -- what of it: a con_id, an execution, a date; '': nothing further
    gateway TEXT NOT NULL,
    text TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    cleared_at INTEGER,                  -- NULL: it still is so
    told_at INTEGER NOT NULL,            -- when a note was last made of it
    reminders INTEGER NOT NULL,          -- since it was raised
    returns INTEGER NOT NULL,            -- how often it came back soon after it had cleared
    PRIMARY KEY (condition, account, subject)
) STRICT, WITHOUT ROWID;
INSERT INTO alert VALUES('quantity_break','DU1234567','265598','paper','broker and book differ',1795435200000000,NULL,1795435200000000,0,0);
CREATE TABLE alert_note (
    note_id INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,              -- name of the [[alert]]
    kind TEXT NOT NULL,                  -- raised, reminder, recovered, happened
    condition TEXT NOT NULL,
    account TEXT NOT NULL,
    subject TEXT NOT NULL,
    gateway TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sent_at INTEGER                      -- NULL: not yet
) STRICT;
INSERT INTO alert_note VALUES(1,'phone','raised','quantity_break','DU1234567','265598','paper','broker and book differ',1795435200000000,NULL);
CREATE TABLE alert_account (
    account TEXT PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO alert_account VALUES('DU1234567',2);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('alert_note',1);
CREATE INDEX position_close_by_position ON position_close (position_id);
CREATE INDEX break_unresolved ON break (account_id, con_id) WHERE state IN ('settling', 'open');
CREATE INDEX operator_request_pending ON operator_request (request_id) WHERE status = 'pending';
CREATE VIEW instruments AS
SELECT
    i.instrument_id, i.con_id, i.symbol, i.local_symbol, i.sec_type, i.currency, i.exchange,
    i.primary_exchange, i.trading_class, i.multiplier, i.price_scale, i.expiry, i.strike, i."right",
    i.under_con_id
FROM instrument i;
CREATE VIEW positions AS
SELECT
    p.position_id, p.account_id, a.code AS account, p.con_id, i.symbol, i.local_symbol, i.sec_type,
    i.currency, i.multiplier, CASE WHEN p.quantity = '0' THEN 'CLOSED' ELSE 'OPEN' END AS status, p.quantity,
    p.average_price, m.broker_avg_cost, m.current_price, m.market_value, m.unrealized_pnl,
    m.unrealized_pnl_pct, p.realized_pnl, p.commissions, p.net_realized_pnl, p.estimated_realized_pnl,
    p.unknown_closes,
    strftime('%Y-%m-%dT%H:%M:%S', m.marked_at / 1000000, 'unixepoch')
        || printf('.%06dZ', m.marked_at % 1000000) AS marked_at,
    m.mark_source,
    strftime('%Y-%m-%dT%H:%M:%S', p.opened_at / 1000000, 'unixepoch')
        || printf('.%06dZ', p.opened_at % 1000000) AS opened_at,
    strftime('%Y-%m-%dT%H:%M:%S', p.closed_at / 1000000, 'unixepoch')
        || printf('.%06dZ', p.closed_at % 1000000) AS closed_at,
    CASE WHEN p.quantity <> '0' THEN (
        SELECT strftime('%Y-%m-%dT%H:%M:%S', min(b.opened_at) / 1000000, 'unixepoch')
        || printf('.%06dZ', min(b.opened_at) % 1000000)
        FROM break b WHERE b.account_id = p.account_id AND b.con_id = p.con_id AND b.kind = 'missing'
            AND b.state IN ('settling', 'open')) END AS missing_since,
    strftime('%Y-%m-%dT%H:%M:%S', a.last_synced_at / 1000000, 'unixepoch')
        || printf('.%06dZ', a.last_synced_at % 1000000) AS last_synced_at,
    p.revision, m.broker_unrealized_pnl
FROM position p
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id
    LEFT JOIN mark m ON m.account_id = p.account_id AND m.con_id = p.con_id AND p.quantity <> '0'
WHERE p.superseded_at IS NULL;
CREATE VIEW position_events AS
SELECT
    e.event_id, e.revision, a.code AS account, e.position_id, p.con_id, i.symbol, e.kind, e.cause,
    e.quantity_before, e.quantity_after, e.average_price_before, e.average_price_after,
    strftime('%Y-%m-%dT%H:%M:%S', e.occurred_at / 1000000, 'unixepoch')
        || printf('.%06dZ', e.occurred_at % 1000000) AS occurred_at,
    strftime('%Y-%m-%dT%H:%M:%S', e.recorded_at / 1000000, 'unixepoch')
        || printf('.%06dZ', e.recorded_at % 1000000) AS recorded_at,
    e.sync_run_id, e.exec_id
FROM position_event e
    JOIN position p ON p.position_id = e.position_id
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id;
CREATE VIEW lots AS
SELECT
    l.lot_id, l.position_id, a.code AS account, p.con_id, i.symbol, l.open_exec_id,
    strftime('%Y-%m-%dT%H:%M:%S', l.opened_at / 1000000, 'unixepoch')
        || printf('.%06dZ', l.opened_at % 1000000) AS opened_at,
    l.quantity, l.remaining_quantity, l.price
FROM lot l
    JOIN position p ON p.position_id = l.position_id
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id
WHERE p.superseded_at IS NULL;
CREATE VIEW breaks AS
SELECT
    b.break_id, a.code AS account, b.con_id, i.symbol, b.kind, b.class, b.state, b.broker_value,
    b.book_value,
    strftime('%Y-%m-%dT%H:%M:%S', b.opened_at / 1000000, 'unixepoch')
        || printf('.%06dZ', b.opened_at % 1000000) AS opened_at,
    strftime('%Y-%m-%dT%H:%M:%S', b.closed_at / 1000000, 'unixepoch')
        || printf('.%06dZ', b.closed_at % 1000000) AS closed_at,
    b.detail, b.looks,
    strftime('%Y-%m-%dT%H:%M:%S', b.last_change_at / 1000000, 'unixepoch')
        || printf('.%06dZ', b.last_change_at % 1000000) AS last_change_at
FROM break b
    JOIN account a ON a.account_id = b.account_id
    LEFT JOIN instrument i ON i.con_id = b.con_id;
CREATE VIEW coverage AS
SELECT
    a.code AS account, w.stream,
    strftime('%Y-%m-%dT%H:%M:%S', w.from_time / 1000000, 'unixepoch')
        || printf('.%06dZ', w.from_time % 1000000) AS from_time,
    strftime('%Y-%m-%dT%H:%M:%S', w.to_time / 1000000, 'unixepoch')
        || printf('.%06dZ', w.to_time % 1000000) AS to_time,
    w.state, w.source
FROM coverage_window w JOIN account a ON a.account_id = w.account_id;
CREATE VIEW account_values AS
SELECT
    a.code AS account, v.key, v.currency, v.value,
    strftime('%Y-%m-%dT%H:%M:%S', v.updated_at / 1000000, 'unixepoch')
        || printf('.%06dZ', v.updated_at % 1000000) AS updated_at
FROM account_value v JOIN account a ON a.account_id = v.account_id;
CREATE VIEW instruments_numeric AS
SELECT
    instrument_id, con_id, symbol, local_symbol, sec_type, currency, exchange, primary_exchange,
    trading_class, CAST(multiplier AS REAL) AS multiplier, CAST(price_scale AS REAL) AS price_scale, expiry,
    CAST(strike AS REAL) AS strike, "right", under_con_id
FROM instruments;
CREATE VIEW positions_numeric AS
SELECT
    position_id, account_id, account, con_id, symbol, local_symbol, sec_type, currency,
    CAST(multiplier AS REAL) AS multiplier, status, CAST(quantity AS REAL) AS quantity,
    CAST(average_price AS REAL) AS average_price, CAST(broker_avg_cost AS REAL) AS broker_avg_cost,
    CAST(current_price AS REAL) AS current_price, CAST(market_value AS REAL) AS market_value,
    CAST(unrealized_pnl AS REAL) AS unrealized_pnl, CAST(unrealized_pnl_pct AS REAL) AS unrealized_pnl_pct,
    CAST(realized_pnl AS REAL) AS realized_pnl, CAST(commissions AS REAL) AS commissions,
    CAST(net_realized_pnl AS REAL) AS net_realized_pnl,
    CAST(estimated_realized_pnl AS REAL) AS estimated_realized_pnl, unknown_closes, marked_at, mark_source,
    opened_at, closed_at, missing_since, last_synced_at, revision,
    CAST(broker_unrealized_pnl AS REAL) AS broker_unrealized_pnl
FROM positions;
CREATE VIEW position_events_numeric AS
SELECT
    event_id, revision, account, position_id, con_id, symbol, kind, cause,
    CAST(quantity_before AS REAL) AS quantity_before, CAST(quantity_after AS REAL) AS quantity_after,
    CAST(average_price_before AS REAL) AS average_price_before,
    CAST(average_price_after AS REAL) AS average_price_after, occurred_at, recorded_at, sync_run_id, exec_id
FROM position_events;
CREATE VIEW lots_numeric AS
SELECT
    lot_id, position_id, account, con_id, symbol, open_exec_id, opened_at,
    CAST(quantity AS REAL) AS quantity, CAST(remaining_quantity AS REAL) AS remaining_quantity,
    CAST(price AS REAL) AS price
FROM lots;
CREATE VIEW breaks_numeric AS
SELECT
    break_id, account, con_id, symbol, kind, class, state, CAST(broker_value AS REAL) AS broker_value,
    CAST(book_value AS REAL) AS book_value, opened_at, closed_at, detail, looks, last_change_at
FROM breaks;
CREATE VIEW coverage_numeric AS
SELECT
    account, stream, from_time, to_time, state, source
FROM coverage;
CREATE VIEW account_values_numeric AS
SELECT
    account, key, currency,
    CASE WHEN value GLOB '*[0-9]*' AND value NOT GLOB '*[^-+0-9.Ee]*' THEN CAST(value AS REAL) END AS value,
    updated_at
FROM account_values;
CREATE VIEW position_history AS
SELECT
    h.position_id, a.code AS account, p.con_id, i.symbol, h.quantity, h.average_price, h.realized_pnl,
    h.commissions,
    replace(datetime(h.valid_from / 1000000, 'unixepoch'), ' ', 'T')
        || printf('.%06dZ', h.valid_from % 1000000) AS valid_from,
    replace(datetime(h.valid_to / 1000000, 'unixepoch'), ' ', 'T')
        || printf('.%06dZ', h.valid_to % 1000000) AS valid_to,
    replace(datetime(h.recorded_from / 1000000, 'unixepoch'), ' ', 'T')
        || printf('.%06dZ', h.recorded_from % 1000000) AS recorded_from,
    replace(datetime(h.recorded_to / 1000000, 'unixepoch'), ' ', 'T')
        || printf('.%06dZ', h.recorded_to % 1000000) AS recorded_to
FROM position_version h
    JOIN position p ON p.position_id = h.position_id
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id;
CREATE VIEW position_history_numeric AS
SELECT
    position_id, account, con_id, symbol, CAST(quantity AS REAL) AS quantity,
    CAST(average_price AS REAL) AS average_price, CAST(realized_pnl AS REAL) AS realized_pnl,
    CAST(commissions AS REAL) AS commissions, valid_from, valid_to, recorded_from, recorded_to
FROM position_history;
CREATE INDEX execution_by_time ON execution (account_id, con_id, time);
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
CREATE VIEW position_closes AS
SELECT
    c.close_id, c.position_id, a.code AS account, p.con_id, i.symbol, c.quantity_closed, c.side,
    c.entry_price, c.exit_price, c.realized_pnl, c.realized_pnl_pct, c.commissions, c.net_realized_pnl,
    c.estimated_realized_pnl, c.broker_realized_pnl, i.currency,
    strftime('%Y-%m-%dT%H:%M:%S', c.closed_at / 1000000, 'unixepoch')
        || printf('.%06dZ', c.closed_at % 1000000) AS closed_at,
    c.trade_date, c.is_full_close, c.cause, c.basis, c.exec_id, c.order_ref, c.revision
FROM position_close c
    JOIN position p ON p.position_id = c.position_id
    JOIN account a ON a.account_id = p.account_id
    JOIN instrument i ON i.con_id = p.con_id
WHERE c.superseded_at IS NULL AND p.superseded_at IS NULL;
CREATE VIEW position_closes_numeric AS
SELECT
    close_id, position_id, account, con_id, symbol, CAST(quantity_closed AS REAL) AS quantity_closed, side,
    CAST(entry_price AS REAL) AS entry_price, CAST(exit_price AS REAL) AS exit_price,
    CAST(realized_pnl AS REAL) AS realized_pnl, CAST(realized_pnl_pct AS REAL) AS realized_pnl_pct,
    CAST(commissions AS REAL) AS commissions, CAST(net_realized_pnl AS REAL) AS net_realized_pnl,
    CAST(estimated_realized_pnl AS REAL) AS estimated_realized_pnl,
    CAST(broker_realized_pnl AS REAL) AS broker_realized_pnl, currency, closed_at, trade_date, is_full_close,
    cause, basis, exec_id, order_ref, revision
FROM position_closes;
CREATE INDEX alert_note_waiting ON alert_note (receiver, note_id) WHERE sent_at IS NULL;
CREATE VIEW sync_runs AS
SELECT
    r.sync_run_id, r.gateway, r.account, r."trigger",
    strftime('%Y-%m-%dT%H:%M:%S', r.started_at / 1000000, 'unixepoch')
        || printf('.%06dZ', r.started_at % 1000000) AS started_at,
    strftime('%Y-%m-%dT%H:%M:%S', r.finished_at / 1000000, 'unixepoch')
        || printf('.%06dZ', r.finished_at % 1000000) AS finished_at,
    r.outcome, r.positions_created, r.positions_updated, r.positions_closed, r.broker_positions, r.error,
    r.revision, r.repeats
FROM sync_run r;
CREATE VIEW sync_runs_numeric AS
SELECT
    sync_run_id, gateway, account, "trigger", started_at, finished_at, outcome, positions_created,
    positions_updated, positions_closed, broker_positions, error, revision, repeats
FROM sync_runs;
COMMIT;
PRAGMA user_version = 6;
PRAGMA application_id = 1886613091;
