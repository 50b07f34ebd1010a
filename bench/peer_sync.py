#!/usr/bin/env python3
"""The loop people run today, in Python with SQLAlchemy: read the positions and the day's fills from the gateway, compare with
the open rows, add, update and close rows, commit. It writes the same kinds of rows as possync: instruments, positions, facts,
lots, events, history, executions, closes, marks. One process, many syncs: a line on standard input starts one, and its
milliseconds (fetch, database) are the answer.

  orm      objects and relationships, all open rows read first, one commit: what the tutorials show
  core     the strongest plain form: SQLAlchemy Core, no objects, executemany of only what changed
  nplus1   as orm, but with one SELECT for each position of the list: common, and slow
  --positions-only   instruments and positions alone, nothing else is written

The gateway is read by ib_async where the user has it, else by a plain reader of NUL-separated fields, which is several times
faster; the first line of output says which ran. The database is SQLite (WAL, synchronous FULL) or any URL of SQLAlchemy.

usage: peer_sync.py PORT DATABASE [orm|core|nplus1] [--positions-only] [--plain-reader]
"""
import itertools
import os
import socket
import struct
import sys
import time
from decimal import Decimal

from sqlalchemy import Column, ForeignKey, Index, Integer, String, bindparam, create_engine, event, select
from sqlalchemy.orm import declarative_base, relationship, sessionmaker

Base = declarative_base()
client_id = 1000 + os.getpid()  # several peers may run at once


def texts(names):
    return [Column(name, String) for name in names.split()]


class Instrument(Base):
    __tablename__ = "instrument"
    con_id = Column(Integer, primary_key=True, autoincrement=False)
    symbol, local_symbol, sec_type, currency, exchange, trading_class, multiplier, expiry, strike, right = texts(
        "symbol local_symbol sec_type currency exchange trading_class multiplier expiry strike right")


class Position(Base):
    __tablename__ = "position"
    id = Column(Integer, primary_key=True)
    account, con_id = Column(String), Column(Integer)
    __table_args__ = (Index("position_key", "account", "con_id", "status"),)
    status, quantity, average_price, cost, realized_pnl, opened_at, closed_at = texts(
        "status quantity average_price cost realized_pnl opened_at closed_at")


class Fact(Base):
    __tablename__ = "adjustment"
    id = Column(Integer, primary_key=True)
    account, cause, quantity, price, recorded_at = texts("account cause quantity price recorded_at")
    con_id = Column(Integer)


def of_position():
    return Column(Integer, ForeignKey("position.id"), index=True)


class Lot(Base):
    __tablename__ = "lot"
    id = Column(Integer, primary_key=True)
    position_id, position = of_position(), relationship(Position)
    quantity, remaining, price = texts("quantity remaining price")


class Event(Base):
    __tablename__ = "event"
    id = Column(Integer, primary_key=True)
    position_id, position = of_position(), relationship(Position)
    kind, cause, before, after, recorded_at = texts("kind cause before after recorded_at")


class History(Base):
    __tablename__ = "history"
    id = Column(Integer, primary_key=True)
    position_id, position = of_position(), relationship(Position)
    valid_from, valid_to, recorded_to, quantity, average_price = texts("valid_from valid_to recorded_to quantity average_price")


class Mark(Base):
    __tablename__ = "mark"
    account = Column(String, primary_key=True)
    con_id = Column(Integer, primary_key=True, autoincrement=False)
    average_cost = Column(String)


class Execution(Base):
    __tablename__ = "execution"
    exec_id = Column(String, primary_key=True)
    account, time, side, shares, price, commission = texts("account time side shares price commission")
    con_id = Column(Integer)


class Close(Base):
    __tablename__ = "close"
    id = Column(Integer, primary_key=True)
    position_id, position = of_position(), relationship(Position)
    quantity, entry, exit, realized_pnl, closed_at = texts("quantity entry exit realized_pnl closed_at")


class PlainReader:
    """The wire itself, fields split at NUL."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.buffer, self.at = b"", 0
        self.socket.sendall(b"API\0" + struct.pack(">I", 9) + b"v100..200")
        self.read()
        self.send("71", "2", str(client_id), "")
        while self.read()[0] != "9":
            pass
        self.request = 1

    def send(self, *fields):
        payload = b"".join(field.encode() + b"\0" for field in fields)
        self.socket.sendall(struct.pack(">I", len(payload)) + payload)

    def read(self):
        while True:
            if len(self.buffer) - self.at >= 4:
                size = struct.unpack_from(">I", self.buffer, self.at)[0]
                if len(self.buffer) - self.at - 4 >= size:
                    payload = self.buffer[self.at + 4:self.at + 4 + size]
                    self.at += 4 + size
                    return payload.decode().split("\0")
            received = self.socket.recv(262144)
            if not received:
                raise SystemExit("the gateway closed the connection")
            self.buffer, self.at = self.buffer[self.at:] + received, 0

    def fetch(self):
        """Positions by (account, conId), executions by id with their commission, as plain dicts."""
        self.request += 1
        self.send("64", "1")
        self.send("61", "1")
        self.send("7", "3", str(self.request), "0", "", "", "", "", "", "", "2147483647", "0")
        positions, executions, commissions, ends = {}, {}, {}, 0
        while ends < 2:
            f = self.read()
            if f[0] == "61":
                positions[(f[2], int(f[3]))] = dict(
                    symbol=f[4], sec_type=f[5], expiry=f[6], strike=f[7], right=f[8], multiplier=f[9], exchange=f[10], currency=f[11],
                    local_symbol=f[12], trading_class=f[13], quantity=Decimal(f[14]), cost=Decimal(f[15]))
            elif f[0] == "11":
                executions[f[14]] = dict(account=f[16], con_id=int(f[3]), time=f[15], side=f[18], shares=f[19], price=f[20])
            elif f[0] == "59":
                commissions[f[2]] = f[3]
            elif f[0] in ("62", "55"):
                ends += 1
        for exec_id, row in executions.items():
            row["commission"] = commissions.get(exec_id)
        return positions, executions


class IbAsyncReader:
    def __init__(self, port):
        self.ib = ib_async.IB()
        self.ib.connect("127.0.0.1", port, clientId=client_id, readonly=True)

    def fetch(self):
        positions, executions = {}, {}
        for p in self.ib.run(self.ib.reqPositionsAsync()):
            c = p.contract
            positions[(p.account, c.conId)] = dict(
                symbol=c.symbol, sec_type=c.secType, expiry=c.lastTradeDateOrContractMonth, strike=str(c.strike or ""), right=c.right,
                multiplier=c.multiplier, exchange=c.exchange, currency=c.currency, local_symbol=c.localSymbol, trading_class=c.tradingClass,
                quantity=Decimal(str(p.position)), cost=Decimal(str(p.avgCost)))
        for fill in self.ib.reqExecutions():
            e, report = fill.execution, fill.commissionReport
            executions[e.execId] = dict(account=e.acctNumber, con_id=fill.contract.conId, time=str(e.time), side=e.side, shares=str(e.shares),
                                        price=str(e.price), commission=str(report.commission) if report.execId else None)
        return positions, executions


class Orm:
    """Rows are objects; the session finds out what changed."""

    def __init__(self, session):
        self.session = session

    def open_rows(self):
        return {(row.account, row.con_id): row for row in self.session.query(Position).filter_by(status="OPEN")}

    def known(self, model, key):
        return {getattr(row, key) for row in self.session.query(model)}

    def last_history(self):
        return {row.position_id: row for row in self.session.query(History).filter_by(valid_to=None, recorded_to=None)}

    def marks(self):
        return {(row.account, row.con_id): row for row in self.session.query(Mark)}

    def add(self, model, **values):
        row = model(**values)
        self.session.add(row)
        return row

    def change(self, row, **values):
        for name, value in values.items():
            setattr(row, name, value)

    def finish(self):
        self.session.commit()


class NPlusOne(Orm):
    """One query for every position of the list."""

    class Asking:
        def __init__(self, ask):
            self.get = ask

    def open_rows(self):
        return self.Asking(lambda key: self.session.query(Position).filter_by(account=key[0], con_id=key[1], status="OPEN").one_or_none())

    def last_history(self):
        return self.Asking(lambda position_id: self.session.query(History).filter_by(position_id=position_id, valid_to=None, recorded_to=None).one_or_none())

    def marks(self):
        return self.Asking(lambda key: self.session.get(Mark, key))


class CoreRow(dict):
    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Core:
    """No objects: rows are dicts, ids are counted here, and what changed goes out by executemany."""

    def __init__(self, session):
        self.session = session
        self.added, self.changed, self.ids = {}, {}, {}

    def rows(self, model, condition=None):
        query = select(model.__table__)
        for row in self.session.execute(query if condition is None else query.where(condition)).mappings():
            found = CoreRow(row)
            found.model = model
            yield found

    def open_rows(self):
        return {(row.account, row.con_id): row for row in self.rows(Position, Position.status == "OPEN")}

    def known(self, model, key):
        return set(self.session.execute(select(getattr(model, key))).scalars())

    def last_history(self):
        return {row.position_id: row for row in self.rows(History, History.valid_to.is_(None) & History.recorded_to.is_(None))}

    def marks(self):
        return {(row.account, row.con_id): row for row in self.rows(Mark)}

    def add(self, model, **values):
        if "position" in values:
            values["position_id"] = values.pop("position")["id"]
        if model is Position:
            if model not in self.ids:
                last = self.session.execute(select(Position.id).order_by(Position.id.desc()).limit(1)).scalar()
                self.ids[model] = itertools.count((last or 0) + 1)
            values.update(id=next(self.ids[model]), closed_at=None)
        if model is History:
            values = {"valid_to": None, "recorded_to": None, **values}
        row = CoreRow(values)
        row.model = model
        self.added.setdefault(model, []).append(row)
        return row

    def change(self, row, **values):
        row.update(values)
        fresh = any(row is each for each in self.added.get(row.model, [])[-4:])
        if not fresh:
            key = tuple(row[column.name] for column in row.model.__table__.primary_key)
            self.changed.setdefault(row.model, {})[key] = row

    def finish(self):
        for model, rows in self.added.items():
            self.session.execute(model.__table__.insert(), rows)
        for model, rows in self.changed.items():
            table = model.__table__
            keys = [column.name for column in table.primary_key]
            others = [column.name for column in table.columns if column.name not in keys]
            statement = table.update().values({name: bindparam("new_" + name) for name in others})
            for name in keys:
                statement = statement.where(table.c[name] == bindparam("key_" + name))
            self.session.execute(statement, [{**{"new_" + n: row[n] for n in others}, **{"key_" + n: row[n] for n in keys}} for row in rows.values()])
        self.session.commit()


def write(db, positions, executions, now, positions_only):
    open_rows = db.open_rows()
    instruments = db.known(Instrument, "con_id")
    fills = {}
    if not positions_only:
        known = db.known(Execution, "exec_id")
        history, marks = db.last_history(), db.marks()
        for exec_id, values in executions.items():
            if exec_id not in known:
                db.add(Execution, exec_id=exec_id, **values)
                fills[(values["account"], values["con_id"])] = values

    def describe(key, f):
        if key[1] in instruments:
            return
        instruments.add(key[1])
        db.add(Instrument, con_id=key[1], **{name: f[name] for name in ("symbol", "local_symbol", "sec_type", "currency", "exchange",
                                                                     "trading_class", "multiplier", "expiry", "strike", "right")})

    def mark(key, cost):
        row = marks.get(key)
        if row is None:
            db.add(Mark, account=key[0], con_id=key[1], average_cost=cost)
        elif row.average_cost != cost:
            db.change(row, average_cost=cost)

    def open_position(key, quantity, price, cost, cause):
        row = db.add(Position, account=key[0], con_id=key[1], status="OPEN", quantity=str(quantity), average_price=price, cost=cost,
                     realized_pnl="0", opened_at=now)
        if not positions_only:
            if cause == "opening_balance":
                db.add(Fact, account=key[0], con_id=key[1], cause=cause, quantity=str(quantity), price=price, recorded_at=now)
            db.add(Lot, position=row, quantity=str(quantity), remaining=str(quantity), price=price)
            db.add(Event, position=row, kind="opened", cause=cause, before="0", after=str(quantity), recorded_at=now)
            db.add(History, position=row, valid_from=now, quantity=str(quantity), average_price=price)

    def move(key, row, quantity, price, multiplier, average, cost):
        """An open position changes, closes, or flips: then it closes, and another opens."""
        before = Decimal(row.quantity)
        flips = quantity * before < 0
        after = Decimal(0) if flips else quantity
        realized = row.realized_pnl
        if abs(after) < abs(before) and price is not None:
            closed = abs(before) - abs(after)
            gain = (price - Decimal(row.average_price)) * closed * multiplier * (1 if before > 0 else -1)
            realized = str(Decimal(realized) + gain)
            if not positions_only:
                db.add(Close, position=row, quantity=str(closed), entry=row.average_price, exit=str(price), realized_pnl=str(gain), closed_at=now)
        elif not positions_only:
            db.add(Lot, position=row, quantity=str(after - before), remaining=str(after - before), price=str(price))
        if not positions_only:
            db.add(Event, position=row, kind="changed" if after else "closed", cause="execution", before=str(before), after=str(after), recorded_at=now)
            last = history.get(row.id)
            if last is not None:  # what was believed ends, what is known now stands beside it
                db.change(last, recorded_to=now)
                db.add(History, position=row, valid_from=last.valid_from, valid_to=now, quantity=last.quantity, average_price=last.average_price)
            db.add(History, position=row, valid_from=now, quantity=str(after), average_price=average if after else row.average_price)
        if after:
            db.change(row, quantity=str(after), average_price=average, cost=cost, realized_pnl=realized)
        else:
            db.change(row, quantity="0", status="CLOSED", closed_at=now, realized_pnl=realized)
        if flips:
            open_position(key, quantity, average, cost, "execution")

    for key, f in positions.items():
        quantity = f["quantity"]
        row = open_rows.get(key)
        if row is None and quantity == 0:
            continue
        multiplier = Decimal(f["multiplier"] or "1")
        average = str(f["cost"] / multiplier)
        cost = str(f["cost"] * abs(quantity))
        if row is None:
            describe(key, f)
            open_position(key, quantity, average, cost, "execution" if key in fills else "opening_balance")
        elif Decimal(row.quantity) != quantity:
            fill = fills.get(key)
            move(key, row, quantity, Decimal(fill["price"]) if fill else None, multiplier, average, cost)
        if not positions_only and quantity != 0:
            mark(key, str(f["cost"]))
    db.finish()


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    port, database, variant = int(words[0]), words[1], words[2] if len(words) > 2 else "orm"
    engine = create_engine(database if "://" in database else f"sqlite:///{database}")
    if engine.dialect.name == "sqlite":
        @event.listens_for(engine, "connect")
        def pragmas(connection, _):
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")

    Base.metadata.create_all(engine)
    reader = (PlainReader if ib_async is None else IbAsyncReader)(port)
    print("plain reader" if ib_async is None else f"ib_async {ib_async.__version__}", flush=True)
    make_session = sessionmaker(engine)
    kind = {"orm": Orm, "core": Core, "nplus1": NPlusOne}[variant]
    for _ in sys.stdin:
        begun = time.perf_counter()
        positions, executions = reader.fetch()
        fetched = time.perf_counter()
        with make_session() as session:
            write(kind(session), positions, executions, time.strftime("%Y-%m-%dT%H:%M:%SZ"), "--positions-only" in sys.argv)
        print(f"{(fetched - begun) * 1e3:.3f} {(time.perf_counter() - fetched) * 1e3:.3f}", flush=True)


ib_async = None
if "--plain-reader" not in sys.argv:
    try:
        import ib_async
    except ImportError:
        pass
main()
