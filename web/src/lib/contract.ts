// How a contract is named to a person, and what belongs together.
import type { Instrument, Position } from './types'
import { show } from './decimal'
import { shortDate } from './time'

const kinds: Record<string, string> = { STK: 'Stock', OPT: 'Option', FUT: 'Future', FOP: 'Future option', WAR: 'Warrant', BOND: 'Bond', CASH: 'Currency', FUND: 'Fund', CFD: 'CFD', CRYPTO: 'Crypto', IND: 'Index' }
export const kindOf = (secType: string) => kinds[secType] ?? secType

/** What follows the symbol: "15 Jan 27 240 Call", "19 Mar 27 ESH7"; empty for a stock. */
export function contract(row: Pick<Position, 'sec_type' | 'local_symbol' | 'symbol' | 'con_id'>, instrument?: Instrument): string {
  const expiry = instrument?.expiry
  if (expiry && instrument.strike != null) {
    const right = instrument.right === 'C' ? 'Call' : instrument.right === 'P' ? 'Put' : (instrument.right ?? '')
    return `${shortDate(expiry)} ${show(instrument.strike, 0, 4)} ${right}`
  }
  if (expiry) return `${shortDate(expiry)} ${row.local_symbol ?? ''}`
  return row.local_symbol && row.local_symbol !== row.symbol ? row.local_symbol : ''
}

/** Key of the underlying: its conId where known, else its symbol. A stock is its own underlying. */
export function underlying(row: Position, instruments: Map<number, Instrument>): string {
  const derivative = ['OPT', 'FUT', 'FOP', 'WAR'].includes(row.sec_type)
  const conId = derivative ? instruments.get(row.con_id)?.under_con_id : row.con_id
  const known = conId ? instruments.get(conId) : undefined
  return known?.symbol ?? row.symbol
}

const words: Record<string, string> = {
  opening_balance: 'opening balance', execution: 'fill', correction: 'correction', split: 'split', expiry: 'expiry', exercise: 'exercise',
  assignment: 'assignment', cash_settlement: 'cash settlement', maturity: 'maturity', reinvestment: 'reinvestment', transfer: 'transfer',
  missing_at_broker: 'missing at the broker', settling: 'settling', unexplained: 'unexplained', manual: 'entered by hand',
  position_update: 'position push', scheduled: 'schedule', startup: 'start', trade: 'fill', reconnect: 'reconnect',
}
export const spoken = (word: string) => words[word] ?? word.replaceAll('_', ' ')
