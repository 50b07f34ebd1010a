// Where one is: the hash, e.g. #/positions?group=underlying&q=AAPL. Everything that chooses what is shown stands there,
// so a view can be bookmarked, shared and gone back to.
export type View = 'positions' | 'position' | 'pnl' | 'activity' | 'health'
const views: View[] = ['positions', 'position', 'pnl', 'activity', 'health']

class Route {
  view = $state<View>('positions')
  id = $state<number>()
  words = $state.raw<Record<string, string>>({})

  constructor() {
    this.#read()
    addEventListener('hashchange', () => this.#read())
  }

  #read() {
    const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?')
    const [view, id] = path.split('/')
    this.view = views.includes(view as View) ? (view as View) : 'positions'
    this.id = id ? Number(id) : undefined
    this.words = Object.fromEntries(new URLSearchParams(search))
  }

  /** The link to a view; words that hold everywhere (the moment looked at) go along. */
  link(view: View, id?: number, words: Record<string, string | undefined> = {}) {
    const kept = { at: this.words.at, known: this.words.known, ...words }
    const search = new URLSearchParams(Object.entries(kept).filter((pair): pair is [string, string] => !!pair[1])).toString()
    return `#/${view}${id ? `/${id}` : ''}${search ? `?${search}` : ''}`
  }

  /** Changes words of the present view; `undefined` removes one. No entry in the history unless `step`. */
  set(words: Record<string, string | undefined>, step = false) {
    const next: Record<string, string> = { ...this.words }
    for (const [name, value] of Object.entries(words)) {
      if (value) next[name] = value
      else delete next[name]
    }
    const search = new URLSearchParams(next).toString()
    const hash = `#/${this.view}${this.id ? `/${this.id}` : ''}${search ? `?${search}` : ''}`
    if (hash === location.hash) return
    history[step ? 'pushState' : 'replaceState'](null, '', hash)
    this.words = next
  }

  go(link: string) {
    if (location.hash === link) return
    history.pushState(null, '', link)
    this.#read()
  }
}

export const route = new Route()
