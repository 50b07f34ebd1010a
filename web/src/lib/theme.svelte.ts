// Light, dark, or as the system says. The choice is this browser's.
export type Choice = 'system' | 'light' | 'dark'
const dark = matchMedia('(prefers-color-scheme: dark)')
const stored = () => {
  try {
    return localStorage.getItem('possync.theme') as Choice | null
  } catch {
    return null
  }
}

class Theme {
  choice = $state<Choice>(stored() ?? 'system')
  systemDark = $state(dark.matches)
  get isDark() {
    return this.choice === 'dark' || (this.choice === 'system' && this.systemDark)
  }
  next() {
    this.choice = this.isDark ? 'light' : 'dark'
    try {
      localStorage.setItem('possync.theme', this.choice)
    } catch {
      // A browser that keeps nothing still shows the page.
    }
    applyTheme()
  }
}
export const theme = new Theme()
export function applyTheme() {
  document.documentElement.dataset.theme = theme.isDark ? 'dark' : 'light'
}
dark.addEventListener('change', () => {
  theme.systemDark = dark.matches
  applyTheme()
})
