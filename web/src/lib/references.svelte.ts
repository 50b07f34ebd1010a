// Order references: which positions have fills of which reference. A position does not carry one itself; its events
// name their executions, and those carry it. Loaded when first asked for.
import { all } from './api'
import type { Execution, PositionEvent } from './types'

class References {
  positions = $state.raw(new Map<string, Set<number>>()) // reference -> position ids
  state = $state<'not loaded' | 'loading' | 'loaded' | 'failed'>('not loaded')

  async load() {
    if (this.state === 'loading') return
    this.state = 'loading'
    try {
      const [executions, events] = await Promise.all([all<Execution>('executions', { limit: 10_000 }), all<PositionEvent>('events', { limit: 10_000 })])
      const reference = new Map(executions.items.filter((row) => row.order_ref).map((row) => [row.exec_id, row.order_ref!]))
      const found = new Map<string, Set<number>>()
      for (const event of events.items) {
        const name = event.exec_id ? reference.get(event.exec_id) : undefined
        if (!name) continue
        if (!found.has(name)) found.set(name, new Set())
        found.get(name)!.add(event.position_id)
      }
      this.positions = new Map([...found].sort((a, b) => a[0].localeCompare(b[0])))
      this.state = 'loaded'
    } catch {
      this.state = 'failed'
    }
  }
}
export const references = new References()
