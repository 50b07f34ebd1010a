// Which number is being asked about. Any part may open the drawer; Why.svelte shows it.
export type Field = 'quantity' | 'average_price' | 'current_price' | 'market_value' | 'unrealized_pnl' | 'unrealized_pnl_pct' | 'realized_pnl' | 'net_realized_pnl' | 'commissions'
import type { Position } from './types'
import type { Sum } from './decimal'

export interface Asked {
  position?: number
  field: Field
  total?: { label: string; currency: string; sum: Sum; rows: Position[] } // a sum over positions
}
class Why {
  asked = $state.raw<Asked>()
  #from?: HTMLElement
  ask(asked: Asked) {
    if (!this.asked) this.#from = document.activeElement as HTMLElement
    this.asked = asked
  }
  close() {
    this.asked = undefined
    this.#from?.focus()
  }
}
export const why = new Why()
