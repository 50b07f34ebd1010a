import './app.css'
import { mount } from 'svelte'
import App from './App.svelte'
import { book } from './lib/book.svelte'
import { applyTheme } from './lib/theme.svelte'

applyTheme()
book.start()

// Drawn once, in the right type: waits for the typeface, which is preloaded, but not for long.
const late = new Promise((resolve) => setTimeout(resolve, 400))
await Promise.race([document.fonts.load("13px 'Inter Variable'"), late])
mount(App, { target: document.getElementById('page')! })
