// What the page is tested in: a simulated gateway, the real service on a database of its own, and Chromium.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { chromium } from 'playwright-core'

export const possync = process.env.POSSYNC
export const work = process.cwd()
export const shots = path.join(work, 'shots')
fs.mkdirSync(shots, { recursive: true })

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Waits until `look` answers something true; the last thing it said or threw stands in the error. */
export async function until(what, look, limit = 8000) {
  const end = Date.now() + limit
  let last
  for (;;) {
    try {
      last = await look()
      if (last) return last
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`not within ${limit} ms: ${what}; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`)
    await sleep(50)
  }
}

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const running = new Set()
function start(words) {
  const child = spawn(possync, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.output = ''
  const gather = (bytes) => (child.output = (child.output + bytes).slice(-200_000))
  child.stdout.on('data', gather)
  child.stderr.on('data', gather)
  child.ended = new Promise((resolve) => child.on('exit', (code) => (running.delete(child), resolve(code))))
  return child
}
export async function stopAll() {
  for (const child of running) child.kill('SIGKILL')
}

/** A gateway and a service on it; `prepare` may fill the database before the service starts. */
export class World {
  constructor(name, { simulate, interval = '5m', token = undefined, scenario = undefined, prepare = undefined }) {
    Object.assign(this, { name, simulate, interval, token, scenario, prepare })
    this.folder = fs.mkdtempSync(path.join(work, `${name}-`))
  }
  async up() {
    await this.gatewayUp()
    this.port = await freePort()
    this.config = path.join(this.folder, 'possync.toml')
    let http = `[http]\nlisten = "127.0.0.1:${this.port}"\n`
    if (this.token) {
      const file = path.join(this.folder, 'token')
      fs.writeFileSync(file, this.token + '\n', { mode: 0o600 })
      http += `token_file = "${file}"\n`
    }
    fs.writeFileSync(
      this.config,
      `[database]\nurl = "sqlite:///${this.folder}/book.db"\n[[gateway]]\nname = "paper"\nport = ${this.gatewayPort}\nexpect = "paper"\n` +
        `[sync]\ninterval = "${this.interval}"\n[report]\nzone = "UTC"\n${http}[log]\nlevel = "warning"\n`,
    )
    this.url = `http://127.0.0.1:${this.port}`
    this.prepare?.(this)
    await this.serviceUp()
    return this
  }
  async gatewayUp() {
    const words = ['simulate', '--port', String(this.gatewayPort ?? 0), ...this.simulate]
    if (this.scenario) {
      fs.writeFileSync(path.join(this.folder, 'day.scn'), this.scenario)
      words.push('--scenario', path.join(this.folder, 'day.scn'))
    }
    this.gateway = start(words)
    const told = await until('the simulated gateway names its port', () => /on 127\.0\.0\.1:(\d+)/.exec(this.gateway.output), 30_000)
    this.gatewayPort = Number(told[1])
  }
  async serviceUp() {
    this.service = start(['run', '--config', this.config])
    await until(
      `the service of ${this.name} has synced`,
      async () => {
        if (this.service.exitCode !== null) throw new Error(`it ended: ${this.service.output}`)
        const status = await this.get('/api/sync/status')
        const own = status.accounts.filter(this.synced ?? (() => true))
        return own.length && own.every((account) => account.last_synced_at)
      },
      20_000,
    )
  }
  async get(words) {
    const response = await fetch(this.url + words, { headers: this.token ? { authorization: `Bearer ${this.token}` } : {} })
    if (!response.ok) throw new Error(`${words}: ${response.status} ${await response.text()}`)
    return response.json()
  }
  items = async (name, words = '') => (await this.get(`/api/${name}${words}`)).items
  /** The invented day stands still, or goes on. */
  pause() {
    this.gateway.kill('SIGUSR2')
  }
  async down() {
    this.gateway.kill('SIGTERM')
    this.service.kill('SIGTERM')
    await Promise.race([Promise.all([this.gateway.ended, this.service.ended]), sleep(3000)])
  }
}

export const launch = () =>
  chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions'],
  })

/** A page that notes what must never be: errors, violations of the content policy, requests to anywhere else. */
export async function open(browser, world, { width = 1440, height = 900, scheme = 'light', hash = '', wait = true, counted = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: width < 500 ? 2 : 1, timezoneId: 'UTC', locale: 'en-GB' })
  const page = await context.newPage()
  page.setDefaultTimeout(8000)
  page.wrong = []
  page.allowed = [] // what a test expects to go wrong
  page.on('console', (message) => {
    if (message.type() === 'error' && !page.allowed.some((pattern) => pattern.test(message.text()))) page.wrong.push(message.text())
  })
  page.on('pageerror', (error) => page.wrong.push(error.stack ?? error.message))
  page.on('request', (request) => {
    if (!request.url().startsWith(world.url) && !request.url().startsWith('data:')) page.wrong.push(`a request to ${request.url()}`)
  })
  // How many rows the stream has brought, counted outside of the page's own code.
  if (counted)
    await page.addInitScript(() => {
      globalThis.rowsStreamed = 0
      const own = EventSource.prototype.addEventListener
      EventSource.prototype.addEventListener = function (name, take) {
        own.call(this, name, (event) => {
          if (name === 'change' || name === 'mark') globalThis.rowsStreamed += JSON.parse(event.data).positions.length
          take(event)
        })
      }
    })
  await page.goto(`${world.url}/${hash}`)
  if (wait) await page.locator('[role=grid] .position, .page').first().waitFor()
  return page
}

export const shot = (page, name) => page.screenshot({ path: path.join(shots, `${name}.png`) })

// --- exact decimals, written again on purpose: the page is not asked about itself -------------------------------------------
const parts = (text) => {
  const [whole, fraction = ''] = text.replace('-', '').split('.')
  const scaled = BigInt(whole) * 10n ** 20n + BigInt(fraction.padEnd(20, '0').slice(0, 20))
  return text.startsWith('-') ? -scaled : scaled
}
export const sum = (texts) => texts.reduce((total, text) => total + parts(text), 0n)
export const compareText = (a, b) => (parts(a) < parts(b) ? -1 : parts(a) > parts(b) ? 1 : 0)
/** As the page shows money: grouped, two digits, half away from zero, a true minus; "+" in front if wanted. */
export function money(scaled, plus = true) {
  if (typeof scaled === 'string') scaled = parts(scaled)
  const negative = scaled < 0n
  const cents = ((negative ? -scaled : scaled) + 5n * 10n ** 17n) / 10n ** 18n
  const whole = (cents / 100n).toString().replace(/\B(?=(\d{3})+$)/g, ',')
  const mark = cents === 0n ? '' : negative ? '−' : plus ? '+' : ''
  return `${mark}${whole}.${(cents % 100n).toString().padStart(2, '0')}`
}
