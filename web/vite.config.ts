import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// The page is embedded in the program: hashed names (served as immutable), nothing inlined (the content security
// policy allows scripts and fonts from the program alone), one chunk for each of the code and the styles.
export default defineConfig({
  plugins: [svelte()],
  base: './',
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: false, reportCompressedSize: true },
  server: { proxy: { '/api': process.env.POSSYNC_URL ?? 'http://127.0.0.1:8321' } },
})
