// The time machine: while a moment is chosen, the positions shown are those of that moment, asked from the database's
// history. `known` = "then" asks for what was known at that moment, instead of what is known about it now.
import { all } from './api'
import { route } from './route.svelte'
import type { Position } from './types'

class Past {
  at = $derived(route.words.at ? Date.parse(route.words.at) : undefined)
  asKnownThen = $derived(route.words.known === 'then')
  rows = $state.raw<Position[]>([])
  shownAt = $state<number>() // the moment that `rows` belongs to
  problem = $state<string>()
  loading = $state(false)
  #abort?: AbortController
  #timer?: ReturnType<typeof setTimeout>

  get active() {
    return this.at !== undefined && !Number.isNaN(this.at)
  }

  travel(time: number | undefined) {
    route.set({ at: time === undefined ? undefined : new Date(time).toISOString().replace('.000Z', 'Z'), known: time === undefined ? undefined : route.words.known })
  }

  /** To be called in an effect that reads `at` and `asKnownThen`. */
  follow(at: number | undefined, then: boolean) {
    clearTimeout(this.#timer)
    this.#abort?.abort()
    if (at === undefined || Number.isNaN(at)) {
      this.shownAt = undefined
      this.problem = undefined
      return
    }
    this.loading = true
    this.#timer = setTimeout(() => void this.#load(at, then), this.shownAt === undefined ? 0 : 90)
  }

  async #load(at: number, then: boolean) {
    const abort = (this.#abort = new AbortController())
    const moment = new Date(at).toISOString()
    try {
      const list = await all<Position>('positions', { as_of: moment, as_recorded: then ? moment : undefined }, 20_000, abort.signal)
      this.rows = list.items
      this.shownAt = at
      this.problem = undefined
      this.loading = false
    } catch (error) {
      if ((error as Error).name === 'AbortError') return
      this.loading = false
      this.problem = (error as Error).message
    }
  }
}

export const past = new Past()
