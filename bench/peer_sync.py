#!/usr/bin/env python3
"""The loop people run today: read the positions (and the day's fills) from the gateway, compare with the open rows, add,
update and close ORM objects, commit. Python and SQLAlchemy, SQLite in WAL with synchronous FULL; the same kinds of rows as
possync writes: instruments, positions, lots, events, history, executions, closes. One process, many syncs: a line on
standard input starts one, and its milliseconds (fetch, database) are the answer.

usage: peer_sync.py PORT DATABASE
"""
import socket
import struct
import sys
import time
from decimal import Decimal

from sqlalchemy import Column, Integer, String, create_engine, event
from sqlalchemy.orm import declarative_base, sessionmaker

Base = declarative_base()


class Instrument(Base):
    __tablename__ = "instrument"
    con_id = Column(Integer, primary_key=True)
    symbol, local_symbol, sec_type, currency = Column(String), Column(String), Column(String), Column(String)
    exchange, trading_class, multiplier, expiry, strike, right = (Column(String), Column(String), Column(String), Column(String),
                                                                  Column(String), Column(String))


class Position(Base):
    __tablename__ = "position"
    id = Column(Integer, primary_key=True)
    account, con_id = Column(String, index=True), Column(Integer, index=True)
    status, quantity, average_price, cost, realized_pnl = (Column(String), Column(String), Column(String), Column(String), Column(String))
    opened_at, closed_at = Column(String), Column(String)


class Fact(Base):
    __tablename__ = "adjustment"
    id = Column(Integer, primary_key=True)
    account, con_id, cause, quantity, price, recorded_at = (Column(String), Column(Integer), Column(String), Column(String),
                                                            Column(String), Column(String))


class Lot(Base):
    __tablename__ = "lot"
    id = Column(Integer, primary_key=True)
    position_id, quantity, remaining, price = Column(Integer), Column(String), Column(String), Column(String)


class Event(Base):
    __tablename__ = "event"
    id = Column(Integer, primary_key=True)
    position_id, kind, cause, before, after, recorded_at = (Column(Integer), Column(String), Column(String), Column(String),
                                                            Column(String), Column(String))


class History(Base):
    __tablename__ = "history"
    id = Column(Integer, primary_key=True)
    position_id, valid_from, quantity, average_price = Column(Integer), Column(String), Column(String), Column(String)


class Mark(Base):
    __tablename__ = "mark"
    id = Column(Integer, primary_key=True)
    account, con_id, average_cost = Column(String), Column(Integer, index=True), Column(String)


class Execution(Base):
    __tablename__ = "execution"
    exec_id = Column(String, primary_key=True)
    account, con_id, time, side, shares, price, commission = (Column(String), Column(Integer), Column(String), Column(String),
                                                              Column(String), Column(String), Column(String))


class Close(Base):
    __tablename__ = "close"
    id = Column(Integer, primary_key=True)
    position_id, quantity, entry, exit, realized_pnl, closed_at = (Column(Integer), Column(String), Column(String), Column(String),
                                                                   Column(String), Column(String))


class Gateway:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.buffer, self.at = b"", 0
        self.socket.sendall(b"API\0" + struct.pack(">I", 9) + b"v100..200")
        self.read()
        self.send("71", "2", "777", "")
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
            self.buffer, self.at = self.buffer[self.at:] + self.socket.recv(262144), 0

    def fetch(self):
        self.request += 1
        self.send("64", "1")
        self.send("61", "1")
        self.send("7", "3", str(self.request), "0", "", "", "", "", "", "", "2147483647", "0")
        positions, executions, commissions, ends = {}, {}, {}, 0
        while ends < 2:
            f = self.read()
            if f[0] == "61":
                positions[(f[2], int(f[3]))] = f
            elif f[0] == "11":
                executions[f[14]] = f
            elif f[0] == "59":
                commissions[f[2]] = f[3]
            elif f[0] in ("62", "55"):
                ends += 1
        return positions, executions, commissions


def sync(gateway, make_session):
    begun = time.perf_counter()
    positions, executions, commissions = gateway.fetch()
    fetched = time.perf_counter()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ")
    with make_session() as session:
        open_rows = {(row.account, row.con_id): row for row in session.query(Position).filter_by(status="OPEN")}
        known = {row.exec_id for row in session.query(Execution)}
        fills = {}
        for exec_id, f in executions.items():
            if exec_id not in known:
                session.add(Execution(exec_id=exec_id, account=f[16], con_id=int(f[3]), time=f[15], side=f[18], shares=f[19], price=f[20],
                                      commission=commissions.get(exec_id)))
                fills[(f[16], int(f[3]))] = f
        for key, f in positions.items():
            quantity, cost = Decimal(f[14]), Decimal(f[15])
            multiplier = Decimal(f[9] or "1")
            row = open_rows.get(key)
            if row is None:
                if quantity == 0:
                    continue
                if session.get(Instrument, key[1]) is None:
                    session.add(Instrument(con_id=key[1], symbol=f[4], sec_type=f[5], expiry=f[6], strike=f[7], right=f[8], multiplier=f[9],
                                           exchange=f[10], currency=f[11], local_symbol=f[12], trading_class=f[13]))
                average = str(cost / multiplier)
                row = Position(account=key[0], con_id=key[1], status="OPEN", quantity=str(quantity), average_price=average,
                               cost=str(cost * abs(quantity)), realized_pnl="0", opened_at=now)
                session.add(row)
                session.flush()
                session.add_all([Fact(account=key[0], con_id=key[1], cause="opening_balance", quantity=str(quantity), price=average, recorded_at=now),
                                 Lot(position_id=row.id, quantity=str(quantity), remaining=str(quantity), price=average),
                                 Event(position_id=row.id, kind="opened", cause="opening_balance", before="0", after=str(quantity), recorded_at=now),
                                 History(position_id=row.id, valid_from=now, quantity=str(quantity), average_price=average),
                                 Mark(account=key[0], con_id=key[1], average_cost=str(cost))])
            elif Decimal(row.quantity) != quantity:
                before = Decimal(row.quantity)
                fill = fills.get(key)
                price = Decimal(fill[20]) if fill else None
                reduces = abs(quantity) < abs(before) or quantity * before < 0
                if reduces and price is not None:
                    closed = min(abs(before), abs(before - quantity))
                    realized = (price - Decimal(row.average_price)) * closed * multiplier * (1 if before > 0 else -1)
                    row.realized_pnl = str(Decimal(row.realized_pnl) + realized)
                    session.add(Close(position_id=row.id, quantity=str(closed), entry=row.average_price, exit=str(price), realized_pnl=str(realized), closed_at=now))
                row.quantity = str(quantity)
                if quantity == 0:
                    row.status, row.closed_at = "CLOSED", now
                else:
                    row.average_price = str(cost / multiplier)
                    session.add(Lot(position_id=row.id, quantity=str(quantity - before), remaining=str(quantity - before), price=str(price)))
                session.add_all([Event(position_id=row.id, kind="changed", cause="execution", before=str(before), after=str(quantity), recorded_at=now),
                                 History(position_id=row.id, valid_from=now, quantity=str(quantity), average_price=row.average_price)])
        session.commit()
    return (fetched - begun) * 1e3, (time.perf_counter() - fetched) * 1e3


def main():
    engine = create_engine(f"sqlite:///{sys.argv[2]}")

    @event.listens_for(engine, "connect")
    def pragmas(connection, _):
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    Base.metadata.create_all(engine)
    gateway = Gateway(int(sys.argv[1]))
    make_session = sessionmaker(engine)
    for _ in sys.stdin:
        fetch, database = sync(gateway, make_session)
        print(f"{fetch:.3f} {database:.3f}", flush=True)


main()
