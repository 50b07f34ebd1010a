// Requests to the program that served this page. An answer is a value or a Problem; nothing is retried here.
import type { List } from './types'

export class Problem extends Error {
  constructor(
    readonly status: number, // 0: no answer at all
    message: string,
    readonly body: unknown = undefined,
  ) {
    super(message)
  }
}

type Words = Record<string, string | number | boolean | null | undefined>

export function query(words: Words): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(words)) if (value != null && value !== '') parameters.set(name, String(value))
  const made = parameters.toString()
  return made ? '?' + made : ''
}

async function ask<Value>(path: string, init?: RequestInit): Promise<Value> {
  let response: Response
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init })
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error
    throw new Problem(0, 'possync does not answer')
  }
  const body = await response.text()
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    value = undefined
  }
  if (!response.ok) {
    const detail = value as { detail?: string; title?: string } | undefined
    throw new Problem(response.status, detail?.detail || detail?.title || `answer ${response.status}`, value)
  }
  return value as Value
}

export const get = <Value>(path: string, words: Words = {}, signal?: AbortSignal) => ask<Value>(path + query(words), { signal })
export const post = <Value>(path: string, body?: unknown) =>
  ask<Value>(path, { method: 'POST', body: body === undefined ? undefined : JSON.stringify(body), headers: body === undefined ? {} : { 'content-type': 'application/json' } })

/** All pages of a list, at most `most` rows. */
export async function all<Row>(name: string, words: Words = {}, most = 20_000, signal?: AbortSignal): Promise<List<Row>> {
  const first = await get<List<Row>>(`/api/${name}`, words, signal)
  let { next } = first
  while (next && first.items.length < most) {
    const more = await get<List<Row>>(`/api/${name}`, { ...words, cursor: next }, signal)
    first.items.push(...more.items)
    next = more.next
  }
  first.next = next
  return first
}
