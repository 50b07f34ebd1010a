#!/usr/bin/env python3
"""A second ledger, written from the rules and not from the program, in another language and with another arithmetic: exact
fractions, rounded only where a rule says so. Random histories (fills that arrive late and twice, corrections in any order,
commissions late, in another currency or never, splits, exclusions and their undoing, shorts, flips, fractions, multipliers)
go through the program's ledger as they arrive; here only the facts that are true in the end are folded, once, in order. Both
books must be equal to the last digit.

usage: reference.py LEDGER_DRIVER [--count N] [--seed N]
"""
import json
import random
import subprocess
import sys
from fractions import Fraction

DECIMALS = 10


def rounded(value, decimals=DECIMALS):
    """Half to even, as Python rounds fractions."""
    return None if value is None else round(Fraction(value), decimals)


def add(*values):
    return None if any(value is None for value in values) else sum(values, Fraction(0))


def part_of(amount, part, whole):
    """The share of an amount that belongs to part of whole, rounded; what the rounding leaves stays with the rest."""
    if amount is None:
        return None
    return amount if part == whole else rounded(amount * part / whole)


class Lot:
    def __init__(self, fact, quantity, cost, commission, price):
        self.fact, self.price = fact, price
        self.opened = self.left = quantity  # positive
        self.cost, self.commission = cost, commission


class Position:
    """One episode from flat to flat. Amounts are None while any part of them is unknown."""

    def __init__(self, sign):
        self.sign = sign
        self.lots = []
        self.cost = self.entry_commission = Fraction(0)
        self.commissions = self.net = self.realized = Fraction(0)
        self.unknown = 0
        self.last_average = None

    def quantity(self):
        return sum((lot.left for lot in self.lots), Fraction(0))


class Book:
    def __init__(self, method, factor):
        self.method, self.factor = method, factor
        self.positions, self.closes = [], []

    def open_position(self):
        return self.positions[-1] if self.positions and self.positions[-1].quantity() else None

    def value(self, price, quantity):
        return None if price is None else rounded(price * quantity * self.factor)

    def average(self, position):
        if position.cost is None or not position.quantity():
            return None
        return rounded(position.cost / (position.quantity() * self.factor))

    def move(self, fact, quantity, price, commission):
        sign, size = (1, quantity) if quantity > 0 else (-1, -quantity)
        position = self.open_position()
        value = self.value(price, size)
        if position is None or position.sign == sign:
            self.enter(position, sign, fact, size, value, commission, price)
            return
        held = position.quantity()
        if size <= held:
            self.leave(position, fact, size, value, commission)
            return
        # Through zero: the first part is valued by itself, the second gets what is left of value and commission.
        first_value, first_commission = self.value(price, held), part_of(commission, held, size)
        self.leave(position, fact, held, first_value, first_commission)
        rest_value = None if value is None else value - first_value
        rest_commission = None if commission is None else commission - first_commission
        self.enter(None, sign, fact, size - held, rest_value, rest_commission, price)

    def enter(self, position, sign, fact, size, value, commission, price):
        if position is None:
            position = Position(sign)
            self.positions.append(position)
        position.lots.append(Lot(fact, size, value, commission, price))
        position.cost = add(position.cost, value)
        position.entry_commission = add(position.entry_commission, commission)
        position.commissions = add(position.commissions, commission)
        position.last_average = self.average(position)

    def order(self, position):
        open_lots = [lot for lot in position.lots if lot.left]
        if self.method == "lifo":
            return open_lots[::-1]
        if self.method == "hifo":
            return sorted(open_lots, key=lambda lot: (lot.price is None, -(lot.price or 0)))  # stable: ties to the oldest
        return open_lots

    def leave(self, position, fact, size, exit_value, exit_commission):
        held = position.quantity()
        pooled_cost, pooled_commission = part_of(position.cost, size, held), part_of(position.entry_commission, size, held)
        average_before = self.average(position)
        taken_cost = taken_commission = Fraction(0)
        left = size
        for lot in self.order(position):
            if not left:
                break
            taken = min(left, lot.left)
            cost, commission = part_of(lot.cost, taken, lot.left), part_of(lot.commission, taken, lot.left)
            taken_cost, taken_commission = add(taken_cost, cost), add(taken_commission, commission)
            lot.cost = None if lot.cost is None else lot.cost - cost
            lot.commission = None if lot.commission is None else lot.commission - commission
            lot.left -= taken
            left -= taken
        if self.method == "average":
            entry_cost, entry_commission = pooled_cost, pooled_commission
            position.cost = None if position.cost is None else position.cost - pooled_cost
            position.entry_commission = None if position.entry_commission is None else position.entry_commission - pooled_commission
        else:
            entry_cost, entry_commission = taken_cost, taken_commission
            position.cost = add(*[lot.cost for lot in position.lots if lot.left])
            position.entry_commission = add(*[lot.commission for lot in position.lots if lot.left])
        gross = None
        if entry_cost is not None and exit_value is not None:
            gross = position.sign * (exit_value - entry_cost)
        commissions = add(entry_commission, exit_commission)
        net = None if gross is None or commissions is None else gross - commissions
        position.commissions = add(position.commissions, exit_commission)
        position.net = add(position.net, net)
        if gross is None:
            position.unknown += 1
        else:
            position.realized += gross
        full = not position.quantity()
        if full:
            position.cost = Fraction(0)
            position.last_average = average_before
        else:
            position.last_average = self.average(position)
        percent = None if gross is None or not entry_cost else rounded(gross * 100 / abs(entry_cost), 4)
        self.closes.append({"fact": fact, "quantity": size, "realized_pnl": gross, "net": net, "commissions": commissions, "full": full, "pct": percent})

    def split(self, to, frm):
        position = self.open_position()
        if position is None:
            return
        total = left = rounded(position.quantity() * to / frm, 8)
        open_lots = [lot for lot in position.lots if lot.left]
        for lot in open_lots:
            lot.left = left if lot is open_lots[-1] else rounded(lot.left * to / frm, 8)
            left -= lot.left
            lot.opened = rounded(lot.opened * to / frm, 8)
            lot.price = None if lot.price is None else rounded(lot.price * frm / to)
        assert position.quantity() == total
        position.last_average = self.average(position)

    def shown(self):
        def amount(value):
            return None if value is None else value
        return {
            "positions": [{"quantity": p.sign * p.quantity(), "cost": amount(p.cost), "average_price": amount(p.last_average), "realized_pnl": p.realized,
                           "net": amount(p.net), "commissions": amount(p.commissions), "unknown_closes": p.unknown} for p in self.positions],
            "closes": self.closes,
            "lots": [{"fact": lot.fact, "quantity": p.sign * lot.opened, "remaining": p.sign * lot.left} for p in self.positions for lot in p.lots],
        }


def root(exec_id):
    return exec_id.rsplit(".", 1)[0]


def fold(history, adjustments):
    """The facts that are true in the end, in the order in which they happened."""
    fills, commissions, excluded = {}, {}, set()
    for step in history["steps"]:
        if "exclude" in step:
            excluded.add(root(step["exclude"]))
        if "include" in step:
            excluded.discard(root(step["include"]))
        for fill in step.get("arrive", {}).get("executions", []):
            known = fills.get(root(fill["exec_id"]))
            if known is None or int(fill["exec_id"].rsplit(".", 1)[1]) > int(known["exec_id"].rsplit(".", 1)[1]):
                fills[root(fill["exec_id"])] = fill
        for report in step.get("arrive", {}).get("commissions", []):
            commissions[report["exec_id"]] = report
    facts = []
    for name, fill in fills.items():
        if name in excluded:
            continue
        report = commissions.get(fill["exec_id"])
        commission = Fraction(report["commission"]) if report and report["currency"] == "USD" else None
        size = Fraction(fill["shares"]) * (1 if fill["side"] == "BOT" else -1)
        facts.append(((1, fill["time"], fill["perm_id"], Fraction(fill["cum_qty"]), name, 0), name, size, Fraction(fill["price"]), commission, None))
    for each in adjustments:
        when = (0, 0) if each["time"] is None else (1, each["time"])
        facts.append(((*when, 0, Fraction(0), "", each["id"]), f"adjustment:{each['id']}", Fraction(each["quantity"]),
                      None if each["price"] is None else Fraction(each["price"]), Fraction(0), each["ratio"]))
    book = Book(history["method"], Fraction(history["multiplier"]) * Fraction(history["scale"]))
    for _, name, quantity, price, commission, ratio in sorted(facts, key=lambda fact: fact[0]):
        if ratio:
            book.split(*[int(number) for number in ratio.split(":")])
        elif quantity:
            book.move(name, quantity, price, commission)
    return book.shown()


class Maker:
    """One random history. The broker's quantity is what its fills in force add up to, splits applied."""

    def __init__(self, dice):
        self.dice = dice
        self.steps, self.known, self.excluded = [], {}, set()
        self.quantity = Fraction(0)
        self.waiting = []

    def number(self, low, high, decimals):
        return str(self.dice.randint(low * 10**decimals, high * 10**decimals) / Fraction(10**decimals)) if decimals == 0 else \
            f"{self.dice.randint(low * 10**decimals + 1, high * 10**decimals) / 10**decimals:.{decimals}f}"

    def new_fill(self, index):
        return {"exec_id": f"f{index}.{self.dice.randint(1, 2)}", "time": self.dice.randint(0, 40) * 1_000_000, "perm_id": self.dice.randint(1, 3),
                "cum_qty": str(self.dice.randint(1, 3)), "side": self.dice.choice(["BOT", "SLD"]), "shares": self.number(0, 9, self.dice.choice([1, 3])),
                "price": self.number(0, 300, self.dice.choice([1, 2, 4]))}

    def corrected(self, fill):
        other = dict(fill, exec_id=f"{root(fill['exec_id'])}.{self.dice.randint(1, 4)}", price=self.number(0, 300, 2))
        if self.dice.random() < 0.3:
            other["shares"] = self.number(0, 9, 1)
        return other

    def report(self, fill):
        return {"exec_id": fill["exec_id"], "commission": self.dice.choice(["0.35", "1", "-0.12", "0", "2.0000001"]),
                "currency": "USD" if self.dice.random() < 0.95 else "EUR"}

    def in_force(self):
        return sum((Fraction(f["shares"]) * (1 if f["side"] == "BOT" else -1) for f in self.known.values()), Fraction(0))

    def arrive(self, executions, commissions):
        # What a correction of an excluded fill's quantity does to the broker's cannot be seen beside other fills.
        executions = [fill for fill in executions if root(fill["exec_id"]) not in self.excluded or
                      fill["shares"] == self.known[root(fill["exec_id"])]["shares"]]
        for fill in executions:
            known = self.known.get(root(fill["exec_id"]))
            if known is None or int(fill["exec_id"].rsplit(".", 1)[1]) > int(known["exec_id"].rsplit(".", 1)[1]):
                self.known[root(fill["exec_id"])] = fill
        self.steps.append({"arrive": {"executions": executions, "commissions": commissions}, "broker": decimal(self.in_force())})

    def make(self):
        dice = self.dice
        fills = [self.new_fill(i) for i in range(dice.randint(1, 14))]
        everything = list(fills) + [self.corrected(dice.choice(fills)) for _ in range(dice.randint(0, 4))]
        seen = {}
        for fill in everything:  # one execution id is one content
            seen.setdefault(fill["exec_id"], fill)
        everything = list(seen.values())
        dice.shuffle(everything)
        reports = [self.report(fill) for fill in everything if dice.random() < 0.9]
        dice.shuffle(reports)
        while everything or reports:
            executions = [everything.pop() for _ in range(min(len(everything), dice.randint(0, 4)))]
            if dice.random() < 0.3 and self.known:
                executions.append(dice.choice(list(self.known.values())))  # told once more
            names = {fill["exec_id"] for fill in executions} | {fill["exec_id"] for step in self.steps for fill in step.get("arrive", {}).get("executions", [])}
            commissions = [report for report in reports if report["exec_id"] in names and dice.random() < 0.7]
            reports = [report for report in reports if report not in commissions]
            if not executions and not commissions and not everything:
                reports = [] if dice.random() < 0.5 else reports
            self.arrive(executions, commissions)
            if dice.random() < 0.1 and self.known:
                name = dice.choice(list(self.known))
                if name in self.excluded:
                    self.excluded.discard(name)
                    self.steps.append({"include": self.known[name]["exec_id"]})
                else:
                    self.excluded.add(name)
                    self.steps.append({"exclude": self.known[name]["exec_id"]})
        if dice.random() < 0.2 and self.in_force() and not self.excluded:
            to, frm = dice.choice([(4, 1), (3, 2), (1, 4), (2, 1)])
            after = rounded(self.in_force() * to / frm, 8)
            self.steps.append({"split": f"{to}:{frm}", "broker": decimal(after)})
        return {"multiplier": dice.choice(["1", "100", "50", "0.5"]), "scale": dice.choice(["1", "0.01"]),
                "method": dice.choice(["average", "fifo", "lifo", "hifo"]), "steps": self.steps}


def decimal(value):
    """A fraction with a power of ten below, as text."""
    scaled = value * 10**12
    assert scaled.denominator == 1
    text = f"{abs(scaled.numerator):013d}"
    return ("-" if value < 0 else "") + text[:-12] + "." + text[-12:]


def same(ours, theirs):
    for table in ("positions", "closes", "lots"):
        if len(ours[table]) != len(theirs[table]):
            return f"{table}: {len(ours[table])} here, {len(theirs[table])} there"
        # Rows keep the ids, and with them the order, in which they became known; a fact makes one close and one lot at most.
        def by_fact(row):
            return row.get("fact", "")
        for number, (a, b) in enumerate(zip(sorted(ours[table], key=by_fact), sorted(theirs[table], key=by_fact))):
            for column, value in a.items():
                other = Fraction(b[column]) if isinstance(value, Fraction) and b[column] is not None else b[column]
                if value != other:
                    return f"{table}[{number}].{column}: {value if value is None or not isinstance(value, Fraction) else float(value)} here, {b[column]} there"
    return None


def main():
    driver = sys.argv[1]
    count = int(sys.argv[sys.argv.index("--count") + 1]) if "--count" in sys.argv else 10000
    seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 1
    histories = [Maker(random.Random(seed * 1_000_003 + i)).make() for i in range(count)]
    answers = subprocess.run([driver], input="\n".join(json.dumps(h) for h in histories) + "\n", capture_output=True, text=True)
    lines = answers.stdout.splitlines()
    wrong = 0
    for i, history in enumerate(histories):
        if i >= len(lines):
            sys.exit(f"history {i} of seed {seed} stopped the ledger: {answers.stderr.strip()}\n{json.dumps(history)}")
        theirs = json.loads(lines[i])
        problem = same(fold(history, theirs["adjustments"]), theirs) or (theirs["findings"][0] if theirs["findings"] else None)
        if problem:
            wrong += 1
            if wrong <= 5:
                print(f"history {i} of seed {seed}: {problem}\n  {json.dumps(history)}\n  {lines[i]}")
    closes = sum(len(json.loads(line)["closes"]) for line in lines)
    print(f"{count} histories, {closes} closes: {wrong} differ")
    sys.exit(1 if wrong or not closes else 0)


if __name__ == "__main__":
    main()
