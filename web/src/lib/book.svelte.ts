// The page's one copy of the book: loaded once, then kept by the stream. Rows are replaced, never changed in place.
// The stream is opened before anything is loaded, so that nothing falls between the two; a row of the stream counts only
// if its revision is not older than the row that is there.
//
// What the stream brings is gathered and taken over once per animation frame, however much comes. Two counters tell
// what changed: `version` with every taken-over frame, `shape` only when rows came, went or moved between open and
// closed, so that sorting and grouping of a large book are not done again for each mark.
import { SvelteMap } from 'svelte/reactivity'
import { Problem, all, get, post } from './api'
import type { Account, AccountValue, Break, Instrument, List, Pnl, Position, PositionEvent, Status } from './types'
import { milliseconds, today } from './time'

export type Connection = 'connecting' | 'live' | 'lost'
export interface Notice {
  id: number
  kind: 'good' | 'bad' | 'plain'
  text: string
}

const latestEvents = 300

class Book {
  connection = $state<Connection>('connecting')
  session = $state<'unknown' | 'needed' | 'open'>('unknown')
  loaded = $state(false)
  problem = $state<string>() // why nothing could be loaded
  answeredAt = $state(0) // our clock: last answer or stream message
  now = $state(Date.now()) // the program's clock, ticking once a second

  status = $state.raw<Status>()
  accounts = $state.raw<Account[]>([])
  instruments = $state.raw(new Map<number, Instrument>())
  rows = new Map<number, Position>()
  version = $state(0)
  shape = $state(0)
  events = $state.raw<PositionEvent[]>([])
  breaks = $state.raw<Break[]>([])
  values = $state.raw<AccountValue[]>([])
  day = $state.raw<Pnl[]>([]) // realized P&L by day and account, the last days

  notices = $state<Notice[]>([])
  syncing = $state<number>() // since when, our clock
  changed = new SvelteMap<string, number>() // account -> revision last told by the stream

  #skew = 0
  #stream?: EventSource
  #lastEventId = ''
  #retry?: ReturnType<typeof setTimeout>
  #retries = 0
  #pending: Position[] = []
  #marks = new Map<number, Partial<Position>>()
  #frame = 0
  #slow?: ReturnType<typeof setTimeout>
  #noticeId = 0

  get zone() {
    return this.status?.report_zone || 'America/New_York'
  }
  today = $derived.by(() => today(this.zone, this.now))
  /** Seconds between scheduled syncs; ages are judged by it. */
  get interval() {
    return this.status?.sync_interval_seconds || 300
  }

  start() {
    setInterval(() => (this.now = Date.now() + this.#skew), 1000)
    // The stream's heartbeats are not visible to a script: silence is told from death by asking.
    setInterval(() => {
      if (this.session === 'open' && (Date.now() - this.answeredAt > 12_000 || this.connection === 'lost')) void this.#askStatus()
    }, 5_000)
    void this.load()
  }

  async load() {
    try {
      if (!this.#stream) await this.#open()
      const [status, accounts, positions] = await Promise.all([
        get<Status>('/api/sync/status'),
        all<Account>('accounts'),
        all<Position>('positions'),
      ])
      this.session = 'open'
      this.problem = undefined
      this.#takeStatus(status)
      this.accounts = accounts.items
      this.rows = new Map(positions.items.map((row) => [row.position_id, row]))
      this.loaded = true
      this.shape++
      this.#takeOver()
      await this.#loadRest()
    } catch (error) {
      this.#failed(error)
      if (!this.loaded && this.session !== 'needed') setTimeout(() => void this.load(), 3000)
    }
  }

  async #loadRest() {
    const [instruments, events, breaks, values] = await Promise.all([
      all<Instrument>('instruments', { limit: 10_000 }),
      get<List<PositionEvent>>('/api/events', { limit: latestEvents }),
      all<Break>('breaks', { limit: 10_000 }),
      all<AccountValue>('account_values', { limit: 10_000 }),
    ])
    this.instruments = new Map(instruments.items.map((row) => [row.con_id, row]))
    this.events = newestFirst(events.items)
    this.breaks = breaks.items
    this.values = values.items
    await this.#loadDay()
    this.shape++
  }

  async #loadDay() {
    this.day = (await get<List<Pnl>>('/api/pnl', { by: 'day,account', since: '8d' })).items
  }

  async login(token: string) {
    await post('/api/session', { token })
    this.session = 'unknown'
    await this.load()
  }

  async sync(account?: string) {
    if (this.syncing) return
    this.syncing = Date.now()
    try {
      const done = await post<{ success: boolean; results: SyncResult[] }>('/api/sync/positions' + (account ? `?account=${encodeURIComponent(account)}` : ''))
      for (const one of done.results) this.#tell(one)
    } catch (error) {
      const results = ((error as Problem).body as { results?: SyncResult[] } | undefined)?.results ?? []
      for (const one of results) this.#tell(one)
      if (!results.length) this.notify('bad', `No sync: ${(error as Error).message}`)
      if (error instanceof Problem && error.status === 401) this.session = 'needed'
    } finally {
      this.syncing = undefined
      void this.#askStatus()
    }
  }

  #tell(one: SyncResult) {
    if (!one.success) return this.notify('bad', `${one.account || 'Sync'}: ${one.error ?? 'failed'}`)
    const moved = one.positions_created + one.positions_updated + one.positions_closed
    const what = moved ? `${one.positions_created} opened, ${one.positions_updated} changed, ${one.positions_closed} closed` : 'nothing had changed'
    this.notify('good', `${one.account}: ${what}; ${one.broker_positions} positions at the broker, ${one.duration_seconds.toFixed(1)} s`)
    for (const warning of one.warnings ?? []) this.notify('plain', `${one.account}: ${warning}`)
  }

  notify(kind: Notice['kind'], text: string) {
    const id = ++this.#noticeId
    this.notices = [...this.notices.slice(-3), { id, kind, text }]
    setTimeout(() => this.dismiss(id), kind === 'bad' ? 15_000 : 6_000)
  }
  dismiss(id: number) {
    this.notices = this.notices.filter((one) => one.id !== id)
  }

  // --- the stream -------------------------------------------------------------------------------------------------

  /** Answers when the stream stands, or when it is clear that it does not yet: the book is loaded in any case. */
  #open(): Promise<void> {
    const stream = new EventSource('/api/stream' + (this.#lastEventId ? `?last_event_id=${encodeURIComponent(this.#lastEventId)}` : ''))
    this.#stream = stream
    stream.onopen = () => {
      const wasLost = this.connection === 'lost'
      this.connection = 'live'
      this.#retries = 0
      this.#alive()
      if (wasLost) void this.#askStatus()
    }
    stream.onerror = () => {
      this.connection = 'lost'
      if (stream.readyState !== EventSource.CLOSED) return // it tries again by itself
      this.#stream = undefined
      clearTimeout(this.#retry)
      this.#retry = setTimeout(() => void this.#reopen(), Math.min(10_000, 1000 * 2 ** this.#retries++))
    }
    const on = (name: string, take: (data: never) => void) =>
      stream.addEventListener(name, (event) => {
        this.#alive()
        if (event.lastEventId) this.#lastEventId = event.lastEventId
        take(JSON.parse((event as MessageEvent<string>).data) as never)
      })
    on('change', (data: Change) => {
      this.#pending.push(...data.positions)
      if (data.events?.length) this.events = newestFirst([...data.events, ...this.events]).slice(0, latestEvents)
      this.changed.set(data.account, data.revision)
      this.#schedule()
      this.#refreshSlowly()
    })
    on('mark', (data: { positions: (Partial<Position> & { position_id: number })[] }) => {
      for (const mark of data.positions) this.#marks.set(mark.position_id, { ...this.#marks.get(mark.position_id), ...mark })
      this.#schedule()
    })
    on('status', (data: Status) => this.#takeStatus(data))
    on('gap', () => void this.load())
    return new Promise((resolve) => {
      stream.addEventListener('open', () => resolve())
      stream.addEventListener('error', () => resolve())
      setTimeout(resolve, 1000)
    })
  }

  async #reopen() {
    if (!(await this.#askStatus())) {
      if (this.session !== 'needed') this.#retry = setTimeout(() => void this.#reopen(), Math.min(10_000, 1000 * 2 ** this.#retries++))
      return
    }
    void this.#open()
  }

  #alive() {
    this.answeredAt = Date.now()
  }

  async #askStatus() {
    try {
      this.#takeStatus(await get<Status>('/api/sync/status'))
      return true
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  #takeStatus(status: Status) {
    const before = this.status
    this.status = status
    this.#alive()
    const told = milliseconds(status.now)
    if (told !== undefined) this.#skew = told - Date.now()
    this.now = Date.now() + this.#skew
    const breaksOf = (one?: Status) => one?.accounts.map((account) => `${account.open_breaks}/${account.settling_breaks}`).join()
    if (before && breaksOf(before) !== breaksOf(status)) this.#refreshSlowly()
    if (before && before.accounts.length !== status.accounts.length) void this.load()
  }

  #failed(error: unknown) {
    if (error instanceof Problem && error.status === 401) {
      this.session = 'needed'
      this.#stream?.close()
      this.#stream = undefined
    } else if (!this.loaded) this.problem = (error as Error).message
    else if (error instanceof Problem && error.status === 0) this.connection = 'lost'
  }

  #schedule() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#takeOver())
  }

  #takeOver() {
    this.#frame = 0
    if (!this.loaded) return // kept until the book is there
    let moved = false
    for (const row of this.#pending) {
      const before = this.rows.get(row.position_id)
      if (before && (before.revision ?? 0) > (row.revision ?? 0)) continue
      if (!before || before.status !== row.status) moved = true
      if (!this.instruments.has(row.con_id)) this.#refreshInstruments()
      this.rows.set(row.position_id, row)
    }
    this.#pending = []
    for (const [id, mark] of this.#marks) {
      const before = this.rows.get(id)
      if (before && (before.marked_at ?? '') <= (mark.marked_at ?? '')) this.rows.set(id, { ...before, ...mark })
    }
    this.#marks.clear()
    this.version++
    if (moved) this.shape++
  }

  #refreshSlowly() {
    this.#slow ??= setTimeout(() => {
      this.#slow = undefined
      void (async () => {
        try {
          this.breaks = (await all<Break>('breaks', { limit: 10_000 })).items
          await this.#loadDay()
        } catch (error) {
          this.#failed(error)
        }
      })()
    }, 1500)
  }

  #asking = false
  #refreshInstruments() {
    if (this.#asking) return
    this.#asking = true
    void all<Instrument>('instruments', { limit: 10_000 })
      .then((list) => {
        this.instruments = new Map(list.items.map((row) => [row.con_id, row]))
        this.shape++
      })
      .catch((error: unknown) => this.#failed(error))
      .finally(() => setTimeout(() => (this.#asking = false), 5000))
  }
}

interface SyncResult {
  success: boolean; account: string; positions_created: number; positions_updated: number; positions_closed: number
  broker_positions: number; duration_seconds: number; error: string | null; warnings: string[]
}
interface Change { account: string; revision: number; recorded_at: string; positions: Position[]; events: PositionEvent[] }

function newestFirst(events: PositionEvent[]): PositionEvent[] {
  const seen = new Set<number>()
  return events
    .filter((event) => !seen.has(event.event_id) && seen.add(event.event_id))
    .sort((a, b) => (a.recorded_at === b.recorded_at ? b.event_id - a.event_id : (a.recorded_at ?? '') < (b.recorded_at ?? '') ? 1 : -1))
}

export const book = new Book()
