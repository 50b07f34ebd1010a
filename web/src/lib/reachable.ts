// A table that is wider than its place scrolls sideways; then, and only then, the Tab key stops at it.
export function reachable(node: HTMLElement) {
  const look = () => {
    if (node.scrollWidth > node.clientWidth) node.tabIndex = 0
    else node.removeAttribute('tabindex')
  }
  const watcher = new ResizeObserver(look)
  watcher.observe(node)
  for (const child of node.children) watcher.observe(child)
  return { destroy: () => watcher.disconnect() }
}
