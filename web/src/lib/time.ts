// Times: the API's RFC 3339 text to what a person reads. Ages are short, moments are in the reader's own zone.

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const minutes = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const dayMonth = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const fullDay = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

export const milliseconds = (text: string | null | undefined) => (text == null ? undefined : Date.parse(text))

/** "12 s", "4 min", "3 h", "2 d". */
export function age(span: number): string {
  const seconds = Math.max(0, Math.floor(span / 1000))
  if (seconds < 100) return `${seconds} s`
  if (seconds < 100 * 60) return `${Math.floor(seconds / 60)} min`
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86400)} d`
}

/** "0.31 s", "2 min 5 s": how long something took. */
export function duration(span: number): string {
  if (span < 1) return '< 1 ms'
  if (span < 1000) return `${Math.round(span)} ms`
  if (span < 60_000) return `${(span / 1000).toFixed(1)} s`
  return `${Math.floor(span / 60_000)} min ${Math.floor((span % 60_000) / 1000)} s`
}

/** "14:03:22" today, "24 Nov 14:03" before. */
export function moment(time: number, now = Date.now()): string {
  return new Date(time).toDateString() === new Date(now).toDateString() ? clock.format(time) : `${dayMonth.format(time)} ${minutes.format(time)}`
}
export const exactMoment = (time: number) => `${fullDay.format(time)} ${clock.format(time)}`
export const clockTime = (time: number) => clock.format(time)
export const minuteTime = (time: number) => minutes.format(time)

/** A date (YYYY-MM-DD, YYYYMMDD or YYYYMM, no zone) as "15 Jan 2027". */
export function date(text: string): string {
  const digits = text.replaceAll('-', '')
  if (digits.length === 6) return new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' }).format(Date.UTC(+digits.slice(0, 4), +digits.slice(4) - 1, 1))
  const time = Date.UTC(+digits.slice(0, 4), +digits.slice(4, 6) - 1, +digits.slice(6, 8))
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }).format(time)
}

const shortDay = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: '2-digit', timeZone: 'UTC' })
const shortMonth = new Intl.DateTimeFormat('en-GB', { month: 'short', year: '2-digit', timeZone: 'UTC' })
/** "15 Jan 27": an expiry beside a strike. */
export function shortDate(text: string): string {
  const digits = text.replaceAll('-', '')
  const time = Date.UTC(+digits.slice(0, 4), +digits.slice(4, 6) - 1, +(digits.slice(6, 8) || '1'))
  return (digits.length > 6 ? shortDay : shortMonth).format(time)
}

const zoned = new Map<string, Intl.DateTimeFormat>()
/** Today's calendar date in a zone, YYYY-MM-DD. */
export function today(zone: string, now: number): string {
  let format = zoned.get(zone)
  if (!format) zoned.set(zone, (format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })))
  return format.format(now)
}

/** Whole days from one calendar date to another. */
export function daysBetween(from: string, to: string): number {
  const day = (text: string) => {
    const digits = text.replaceAll('-', '')
    return Date.UTC(+digits.slice(0, 4), +digits.slice(4, 6) - 1, +(digits.slice(6, 8) || '1')) / 86_400_000
  }
  return day(to) - day(from)
}

/** For <input type="datetime-local">, in the reader's zone, with seconds. */
export function localInput(time: number): string {
  const moved = new Date(time - new Date(time).getTimezoneOffset() * 60_000)
  return moved.toISOString().slice(0, 19)
}
