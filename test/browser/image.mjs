// The picture for the README. A palette is enough for it and makes it small, where pngquant is at hand.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { World, launch, open, sleep, stopAll, until } from './world.mjs'

const target = path.resolve(process.argv[2])
const browser = await launch()
const day = await new World('image', { simulate: ['--accounts', '2', '--positions', '14', '--seed', '7', '--pace', '250ms', '--account-interval', '5s'], interval: '10s' }).up()
const page = await open(browser, day, { width: 1440, height: 860 })
await until('both accounts are marked', async () => (await day.items('positions', '?status=OPEN')).every((row) => row.marked_at) && (await day.items('events')).length > 60, 90_000)
day.pause()
await sleep(3000)
fs.mkdirSync(path.dirname(target), { recursive: true })
await page.screenshot({ path: target })
await browser.close()
await stopAll()
try {
  execFileSync('pngquant', ['--force', '--quality', '70-95', '--speed', '1', '--strip', '--output', target, target])
} catch {
  console.log('pngquant is not installed: the picture is left as Chromium wrote it')
}
console.log(`${target}: ${fs.statSync(target).size} bytes`)
process.exit(0)
