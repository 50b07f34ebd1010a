"""Flex statements as the broker writes them, made from trades by an accounting of its own: first in, first out, commissions in the cost.
Independent of the program; exact decimals throughout."""
import collections
import random
from datetime import datetime, timedelta
from decimal import Decimal

ZERO = Decimal(0)


class Instrument:
    def __init__(self, con_id, symbol, category="STK", multiplier=1, currency="USD", **more):
        self.con_id, self.symbol, self.category, self.multiplier, self.currency, self.more = con_id, symbol, category, multiplier, currency, more

    def attributes(self):
        text = f'assetCategory="{self.category}" symbol="{self.symbol}" conid="{self.con_id}" multiplier="{self.multiplier}" currency="{self.currency}" fxRateToBase="1"'
        return text + "".join(f' {name}="{value}"' for name, value in self.more.items())


class Lot:
    __slots__ = ("opened", "quantity", "cost", "transaction")

    def __init__(self, opened, quantity, cost, transaction):
        self.opened, self.quantity, self.cost, self.transaction = opened, quantity, cost, transaction


class Book:
    """One account: lots by conId (signed quantity; cost with commissions, positive)."""

    def __init__(self):
        self.lots = collections.defaultdict(collections.deque)
        self.realized = ZERO

    def trade(self, instrument, when, quantity, price, commission, transaction):
        """Books a fill; answers (realized, closed lots)."""
        lots = self.lots[instrument.con_id]
        value = price * abs(quantity) * instrument.multiplier
        left, realized, closed = quantity, ZERO, []
        while left and lots and (lots[0].quantity > 0) != (left > 0):
            lot = lots[0]
            taken = min(abs(left), abs(lot.quantity))
            cost = lot.cost * taken / abs(lot.quantity)
            part = value * taken / abs(quantity)
            fee = commission * taken / abs(quantity)
            gain = part - fee - cost if lot.quantity > 0 else cost - part - fee
            realized += gain
            closed.append((lot.opened, taken if lot.quantity > 0 else -taken, cost, gain))
            lot.cost -= cost
            lot.quantity += -taken if lot.quantity > 0 else taken
            left += -taken if left > 0 else taken
            if not lot.quantity:
                lots.popleft()
        if left:
            fee = commission * abs(left) / abs(quantity)
            part = value * abs(left) / abs(quantity)
            lots.append(Lot(when, left, part + fee if left > 0 else part - fee, transaction))
        self.realized += realized
        return realized, closed

    def held(self, con_id):
        return sum((lot.quantity for lot in self.lots[con_id]), ZERO)


def stamp(when):
    return when.strftime("%Y%m%d;%H%M%S")


def number(value):
    text = f"{value:.10f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


class Writer:
    """Writes a file piece by piece, so that a million trades need no memory."""

    def __init__(self, file):
        self.file = file
        file.write('<FlexQueryResponse queryName="everything" type="AF">\n<FlexStatements count="1">\n')

    def begin(self, account, first, last):
        self.file.write(f'<FlexStatement accountId="{account}" fromDate="{first:%Y%m%d}" toDate="{last:%Y%m%d}" period="" '
                        f'whenGenerated="{last + timedelta(days=1):%Y%m%d};050000">\n')

    def section(self, name):
        self.file.write(f"<{name}>\n")

    def end_section(self, name):
        self.file.write(f"</{name}>\n")

    def trade(self, account, instrument, when, quantity, price, commission, transaction, exec_id, realized, closed):
        money = price * quantity * instrument.multiplier
        self.file.write(
            f'<Trade accountId="{account}" {instrument.attributes()} tradeID="{transaction}1" transactionID="{transaction}" ibExecID="{exec_id}" '
            f'ibOrderID="{transaction}7" dateTime="{stamp(when)}" tradeDate="{when:%Y%m%d}" buySell="{"BUY" if quantity > 0 else "SELL"}" '
            f'quantity="{number(quantity)}" tradePrice="{number(price)}" tradeMoney="{number(money)}" proceeds="{number(-money)}" taxes="0" '
            f'ibCommission="{number(-commission)}" ibCommissionCurrency="{instrument.currency}" fifoPnlRealized="{number(realized)}" transactionType="ExchTrade" '
            f'exchange="ARCA" notes="" levelOfDetail="EXECUTION" />\n')
        for opened, taken, cost, gain in closed:
            self.file.write(f'<Lot accountId="{account}" {instrument.attributes()} dateTime="{stamp(when)}" tradeDate="{when:%Y%m%d}" '
                            f'openDateTime="{stamp(opened)}" quantity="{number(taken)}" cost="{number(cost)}" fifoPnlRealized="{number(gain)}" '
                            f'transactionID="{transaction}" levelOfDetail="CLOSED_LOT" />\n')

    def positions(self, account, book, instruments, date):
        self.section("OpenPositions")
        for instrument in instruments:
            lots = book.lots[instrument.con_id]
            if not lots:
                continue
            held = book.held(instrument.con_id)
            cost = sum((lot.cost for lot in lots), ZERO)
            for level, rows in (("SUMMARY", [(None, held, cost)]), ("LOT", [(lot.opened, lot.quantity, lot.cost) for lot in lots])):
                for opened, quantity, money in rows:
                    signed = money if quantity > 0 else -money
                    price = money / (abs(quantity) * instrument.multiplier)
                    opening = f'openDateTime="{stamp(opened)}"' if opened else 'openDateTime=""'
                    self.file.write(f'<OpenPosition accountId="{account}" {instrument.attributes()} reportDate="{date:%Y%m%d}" '
                                    f'position="{number(quantity)}" markPrice="{number(price)}" costBasisPrice="{number(price)}" '
                                    f'costBasisMoney="{number(signed)}" {opening} levelOfDetail="{level}" />\n')
        self.end_section("OpenPositions")

    def end(self):
        self.file.write("</FlexStatement>\n")

    def close(self):
        self.file.write("</FlexStatements>\n</FlexQueryResponse>\n")


def write_history(path, trades, instruments=200, account="DU7000001", years=3, seed=1):
    """A file with so many trades over the years before 2026-11-20; answers the book at its end."""
    random.seed(seed)
    last = datetime(2026, 11, 20)
    first = last - timedelta(days=365 * years)
    known = [Instrument(100000 + i, f"S{i:04}") for i in range(instruments)]
    book = Book()
    days = [first + timedelta(days=n) for n in range(365 * years + 1) if (first + timedelta(days=n)).weekday() < 5]
    per_day = -(-trades // len(days))
    with open(path, "w") as file:
        writer = Writer(file)
        writer.begin(account, first, last)
        writer.section("Trades")
        for i in range(trades):
            when = days[i // per_day] + timedelta(hours=9, minutes=30, seconds=(i % per_day) * 23000 // per_day)
            instrument = known[random.randrange(instruments)]
            held = book.held(instrument.con_id) if random.random() < 0.5 else ZERO
            size = Decimal(random.randint(1, 30) * 10)
            quantity = size if random.random() < 0.5 else -size
            if held and random.random() < 0.6:
                quantity = -held
            price = Decimal(random.randint(1000, 50000)) / 100
            commission = max(Decimal("0.35"), abs(quantity) * Decimal("0.0035"))
            transaction = 1000000 + i
            realized, closed = book.trade(instrument, when, quantity, price, commission, transaction)
            writer.trade(account, instrument, when, quantity, price, commission, transaction, f"{i // 65536:08x}.{i % 65536:08x}.01.01", realized, closed)
        writer.end_section("Trades")
        writer.positions(account, book, known, last)
        writer.end()
        writer.close()
    return book
