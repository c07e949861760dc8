import { defineConfig } from "@playwright/test";
import checks from "../playwright.config";

process.env.ETAPPE_E2E_EVENTS ??= "200000";

/** One page at a time, in a browser that does nothing else: what is measured is not to wait for another test. */
export default defineConfig({
  ...checks,
  testDir: ".",
  testMatch: "*.bench.ts",
  globalSetup: "../start.ts",
  reporter: "line",
  workers: 1,
  timeout: 15 * 60_000,
  projects: undefined,
});
