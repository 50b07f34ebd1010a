// Sums of positions, never across currencies, and never without counting what they lack.
import { include, noSum, type Sum } from './decimal'
import type { Position } from './types'

export interface Totals {
  currency: string
  open: number
  count: number
  value: Sum
  unrealized: Sum
  realized: Sum
}
const empty = (currency: string): Totals => ({ currency, open: 0, count: 0, value: noSum(), unrealized: noSum(), realized: noSum() })

function addRow(sum: Totals, row: Position) {
  sum.count++
  if (row.status === 'OPEN') {
    sum.open++
    include(sum.value, row.market_value)
    include(sum.unrealized, row.unrealized_pnl)
  }
  const unknown = row.unknown_closes ?? 0
  if (row.realized_pnl == null) sum.realized.unknown += Math.max(1, unknown)
  else include(sum.realized, row.realized_pnl, unknown)
}

export interface AllTotals {
  groups: Map<string, Totals[]>
  all: Totals[]
}

/** Group -> currency -> sums, and the sums of everything. Currencies are in order of how much is open in them. */
export class Adding {
  #groups = new Map<string, Map<string, Totals>>()
  #all = new Map<string, Totals>()
  constructor(readonly groupOf: (row: Position) => string) {}

  add(row: Position) {
    const group = this.groupOf(row)
    let sums = this.#groups.get(group)
    if (!sums) this.#groups.set(group, (sums = new Map()))
    addRow(of(sums, row.currency), row)
    addRow(of(this.#all, row.currency), row)
  }
  result(): AllTotals {
    return { groups: new Map([...this.#groups].map(([group, sums]) => [group, ordered(sums)])), all: ordered(this.#all) }
  }
}
function of(sums: Map<string, Totals>, currency: string) {
  let sum = sums.get(currency)
  if (!sum) sums.set(currency, (sum = empty(currency)))
  return sum
}
const ordered = (sums: Map<string, Totals>) => [...sums.values()].sort((a, b) => b.open - a.open || b.count - a.count || a.currency.localeCompare(b.currency))
