import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";
import { RESULTS } from "./folders";

/** Debian's own; a browser is never downloaded. */
const CHROMIUM = process.env.ETAPPE_CHROMIUM ?? "/usr/bin/chromium";

if (!existsSync(CHROMIUM)) {
  throw new Error(`The browser tests need Chromium at ${CHROMIUM}: install it with "apt-get install chromium", or name another in ETAPPE_CHROMIUM.`);
}

export default defineConfig({
  testDir: ".",
  testMatch: "*.e2e.ts",
  outputDir: RESULTS,
  globalSetup: "./start.ts",
  reporter: [["line"], ["./kept-results.ts"]],
  forbidOnly: true,
  retries: 0,
  workers: 2,
  fullyParallel: true,
  timeout: 120_000,
  // Two minutes where nothing else runs; a machine that is busy takes its time.
  globalTimeout: 20 * 60_000,
  expect: { timeout: 20_000 },
  use: {
    browserName: "chromium",
    headless: true,
    launchOptions: { executablePath: CHROMIUM, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] },
    locale: "en-GB",
    timezoneId: "Europe/Amsterdam",
    colorScheme: "light",
    contextOptions: { reducedMotion: "reduce" },
    viewport: { width: 1440, height: 900 },
    screenshot: "only-on-failure",
  },
  projects: [
    // The welcome link works once, and everybody else needs the account that it makes.
    { name: "first account", testMatch: "first-account.e2e.ts" },
    { name: "pages", testIgnore: "first-account.e2e.ts", dependencies: ["first account"] },
  ],
});
