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

/** Group -> currency -> sums, and the sums of everything. Currencies are in order of how much is open in them. */
export function totalsOf(rows: Iterable<Position>, groupOf: (row: Position) => string) {
  const groups = new Map<string, Map<string, Totals>>()
  const all = new Map<string, Totals>()
  const of = (sums: Map<string, Totals>, currency: string) => {
    let sum = sums.get(currency)
    if (!sum) sums.set(currency, (sum = empty(currency)))
    return sum
  }
  for (const row of rows) {
    const group = groupOf(row)
    let sums = groups.get(group)
    if (!sums) groups.set(group, (sums = new Map()))
    addRow(of(sums, row.currency), row)
    addRow(of(all, row.currency), row)
  }
  const ordered = (sums: Map<string, Totals>) => [...sums.values()].sort((a, b) => b.open - a.open || b.count - a.count || a.currency.localeCompare(b.currency))
  return { groups: new Map([...groups].map(([group, sums]) => [group, ordered(sums)])), all: ordered(all) }
}
