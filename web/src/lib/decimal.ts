// Exact decimals from text: the API sends every number that is money, a price or a quantity as text, and it stays
// exact here. Nothing in this file uses binary floating point; toNumber() is for the place of a dot on a screen alone.

export interface Decimal {
  readonly units: bigint // value = units / 10^scale
  readonly scale: number
}

export type Text = string | null | undefined

const known = new Map<string, Decimal>()

/** Of canonical text ("-1234.5"); undefined for what is unknown (null) or no decimal. */
export function parse(text: Text): Decimal | undefined {
  if (text == null) return undefined
  const cached = known.get(text)
  if (cached) return cached
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)
  if (!match) return undefined
  const [, sign, whole, fraction = ''] = match
  const units = BigInt(whole + fraction)
  const made = { units: sign ? -units : units, scale: fraction.length }
  if (known.size > 50_000) known.clear()
  known.set(text, made)
  return made
}

export const zero: Decimal = { units: 0n, scale: 0 }

const ten = (power: number) => 10n ** BigInt(power)
const at = (value: Decimal, scale: number) => value.units * ten(scale - value.scale)

export function add(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale)
  return { units: at(a, scale) + at(b, scale), scale }
}

export const negate = (a: Decimal): Decimal => ({ units: -a.units, scale: a.scale })
export const subtract = (a: Decimal, b: Decimal) => add(a, negate(b))
export const multiply = (a: Decimal, b: Decimal): Decimal => ({ units: a.units * b.units, scale: a.scale + b.scale })

export function compare(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale)
  const x = at(a, scale)
  const y = at(b, scale)
  return x < y ? -1 : x > y ? 1 : 0
}

export const sign = (a: Decimal) => (a.units > 0n ? 1 : a.units < 0n ? -1 : 0)

/** Half away from zero at `scale` digits, as a person rounds on paper. For display; sums are made before it. */
export function round(value: Decimal, scale: number): Decimal {
  if (value.scale <= scale) return value
  const divisor = ten(value.scale - scale)
  const half = divisor / 2n
  const units = value.units < 0n ? -((-value.units + half) / divisor) : (value.units + half) / divisor
  return { units, scale }
}

/** Canonical text, no trailing zeros. */
export function text(value: Decimal): string {
  return format(value, 0, value.scale).replaceAll(',', '').replace('−', '-').replace(/^\+/, '')
}

export interface Shape {
  least?: number // digits after the point
  most?: number
  plus?: boolean // "+" before what is above zero
}

/** "−1,234.50": grouped, a true minus sign, at least `least` and at most `most` digits after the point. */
export function format(value: Decimal, least = 2, most = least, plus = false): string {
  const rounded = round(value, most)
  const negative = rounded.units < 0n
  const digits = (negative ? -rounded.units : rounded.units).toString().padStart(rounded.scale + 1, '0')
  const whole = digits.slice(0, digits.length - rounded.scale).replace(/\B(?=(\d{3})+$)/g, ',')
  let fraction = digits.slice(digits.length - rounded.scale).replace(/0+$/, '')
  fraction = fraction.padEnd(least, '0')
  return (negative ? '−' : plus && rounded.units > 0n ? '+' : '') + whole + (fraction ? '.' + fraction : '')
}

const shapes = new Map<string, Map<string, string>>()

/** format() of text with a memory: the same figures are shown again and again. Unknown gives undefined. */
export function show(value: Text, least = 2, most = least, plus = false): string | undefined {
  if (value == null) return undefined
  const key = `${least}/${most}/${plus}`
  let memory = shapes.get(key)
  if (!memory) shapes.set(key, (memory = new Map()))
  let shown = memory.get(value)
  if (shown === undefined) {
    const parsed = parse(value)
    if (!parsed) return value
    shown = format(parsed, least, most, plus)
    if (memory.size > 50_000) memory.clear()
    memory.set(value, shown)
  }
  return shown
}

/** How many digits stand after the point when shown: for aligning a column on its points. */
export function digitsShown(value: Text, least: number, most: number): number {
  const shown = show(value, least, most)
  if (shown === undefined) return 0
  const point = shown.indexOf('.')
  return point < 0 ? 0 : shown.length - point - 1
}

/** For geometry only: where a point is drawn, how long a bar is. Never shown, never added up. */
export const toNumber = (value: Decimal) => Number(value.units) / 10 ** value.scale

/** A sum that counts what it does not know instead of taking it for 0. */
export interface Sum {
  known: Decimal
  parts: number
  unknown: number
}
export const noSum = (): Sum => ({ known: zero, parts: 0, unknown: 0 })
export function include(sum: Sum, value: Text, unknownToo = 0): void {
  const parsed = parse(value)
  if (parsed) {
    sum.known = add(sum.known, parsed)
    sum.parts++
  } else sum.unknown++
  sum.unknown += unknownToo
}
