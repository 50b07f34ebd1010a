"""Which columns of the views hold what, so that rows look the same wherever they come from."""
import datetime
import decimal

VIEWS = {
    # method: (view, page of the HTTP interface, column of `since` and `until`)
    "positions": ("positions", "positions", "opened_at"),
    "closes": ("position_closes", "closes", "closed_at"),
    "executions": ("executions", "executions", "time"),
    "lots": ("lots", "lots", "opened_at"),
    "events": ("position_events", "events", "recorded_at"),
    "breaks": ("breaks", "breaks", "opened_at"),
    "runs": ("sync_runs", "runs", "started_at"),
    "accounts": ("accounts", "accounts", None),
    "instruments": ("instruments", "instruments", None),
    "coverage": ("coverage", "coverage", "from_time"),
    "adjustments": ("adjustments", "adjustments", "effective_at"),
    "account_values": ("account_values", "account_values", None),
    "history": ("position_history", "history", "valid_from"),
    "statements": ("statements", "statements", None),
    "certifications": ("certifications", "certifications", None),
    "certification_differences": ("certification_differences", "certification_differences", None),
    "cash_transactions": ("cash_transactions", "cash_transactions", "time"),
}

# Held against the views of a real database by the test.
DECIMALS = frozenset(
    "amount average_price average_price_after average_price_before broker_avg_cost broker_realized_pnl "
    "broker_unrealized_pnl commission commissions cost_share cum_qty current_price entry_price estimated_price "
    "estimated_realized_pnl exit_price fx_rate_to_base market_value multiplier net_realized_pnl price price_scale quantity "
    "quantity_after quantity_before quantity_closed rate realized_pnl realized_pnl_pct remaining_quantity shares "
    "signed_quantity statement_realized_pnl strike unrealized_pnl unrealized_pnl_pct".split())
# Numbers in some rows and text in others: text they stay, except in SQLite's numeric twins.
MIXED = frozenset(["value", "broker_value", "book_value", "statement_value"])
TIMES = frozenset(["time", "from_time", "to_time", "valid_from", "valid_to", "recorded_from", "recorded_to", "missing_since"])


BOOLEANS = frozenset(["liquidation", "excluded"])  # and is_...


def is_time(name):
    return name in TIMES or name.endswith("_at")


def parse_time(text):
    """RFC 3339 with up to microseconds, UTC."""
    if text is None or isinstance(text, datetime.datetime):
        return text
    # Before Python 3.11 fromisoformat knows no Z.
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def convert(row, exact):
    """A row with numbers, times and truth values of Python's own types; None stays None: unknown is not 0."""
    for name, value in row.items():
        if value is None:
            continue
        if name in DECIMALS:
            row[name] = decimal.Decimal(value) if exact else float(value)
        elif name in MIXED:
            row[name] = str(value)
        elif is_time(name):
            row[name] = parse_time(value)
        elif name.startswith("is_") or name in BOOLEANS:
            row[name] = bool(value)
        elif isinstance(value, datetime.date):
            row[name] = value.isoformat()
    return row


def frame(rows, columns):
    """A DataFrame of the rows; its columns are there even where no row is."""
    try:
        import pandas
    except ImportError:
        raise ImportError("DataFrames need pandas; install it, or use rows(...), which gives plain dictionaries") from None
    result = pandas.DataFrame(rows, columns=columns or None)
    for name in result.columns:
        if is_time(name):
            result[name] = pandas.to_datetime(result[name], utc=True)
    return result
