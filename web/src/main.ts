import './app.css'
import { mount } from 'svelte'
import App from './App.svelte'
import { book } from './lib/book.svelte'
import { applyTheme } from './lib/theme.svelte'

applyTheme()
book.start()
mount(App, { target: document.getElementById('page')! })
