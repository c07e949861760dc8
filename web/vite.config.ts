import { defineConfig } from "vite";

/** The address that `vite dev` passes API calls to: `npm run serve` with the same token. */
const upstream = process.env.ETAPPE_DEV_SERVER ?? "http://127.0.0.1:18100";

export default defineConfig({
  // Relative, because Etappe may sit behind a prefix that is only known in the browser.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the policy allows fonts from the own address only
    cssCodeSplit: true,
    modulePreload: { polyfill: false }, // the polyfill would be an inline script
    rollupOptions: { output: { assetFileNames: "assets/[name]-[hash][extname]" } },
  },
  server: {
    proxy: { "/v1": upstream, "/openapi.json": upstream, "^/app/api/": upstream },
  },
});
