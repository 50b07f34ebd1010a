// Work over many rows in slices of a few milliseconds, so that no frame is dropped for a sum.

/** Calls `each` for all items; false when `alive` said no between two slices. Rows are values: the sum is of one moment. */
export async function inSlices<Item>(items: Item[], each: (item: Item) => void, alive: () => boolean): Promise<boolean> {
  for (let index = 0; index < items.length; ) {
    const end = performance.now() + 4
    do {
      const stop = Math.min(items.length, index + 64)
      while (index < stop) each(items[index++]!)
    } while (index < items.length && performance.now() < end)
    if (index < items.length) {
      await new Promise((resolve) => setTimeout(resolve))
      if (!alive()) return false
    }
  }
  return true
}

/** Runs `work` now, and again at most every `pause` milliseconds however often it is asked for; the last asking counts. */
export function paced(pause: number, work: () => void | Promise<unknown>) {
  let timer: ReturnType<typeof setTimeout> | undefined
  let asked = false
  const run = async () => {
    asked = false
    timer = setTimeout(() => undefined, 0)
    await work()
    timer = setTimeout(() => {
      timer = undefined
      if (asked) void run()
    }, pause)
  }
  return () => {
    if (timer === undefined) void run()
    else asked = true
  }
}
