// Takes the picture of Today for the README from a running Etappe, by default of its practice site.
//
//   ETAPPE_EMAIL=… ETAPPE_PASSWORD=… node dev/picture.mjs [--etappe http://127.0.0.1:7070] [--site practice]
//                                                         [--to ../docs/images/today.png] [--height 1000]
import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";

const MOST_BYTES = 200 * 1024;
const WIDTH = 1440;
const LOADING = '.skeleton, .bone, .dim, .stale, .stale-stack, .lazy-room, [aria-busy="true"], [role="status"][aria-label]';

function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
}

const etappe = option("etappe", "http://127.0.0.1:7070").replace(/\/$/, "");
const site = option("site", "practice");
const to = resolve(option("to", fileURLToPath(new URL("../../docs/images/today.png", import.meta.url))));
const height = Number(option("height", "1000"));
const { ETAPPE_EMAIL: email, ETAPPE_PASSWORD: password, ETAPPE_CHROMIUM: executablePath = "/usr/bin/chromium" } = process.env;

if (!email || !password) {
  console.error("Name an account that may see the site: ETAPPE_EMAIL and ETAPPE_PASSWORD.");
  process.exit(64);
}

const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
try {
  const page = await browser.newPage({ viewport: { width: WIDTH, height }, locale: "en-GB", colorScheme: "light", reducedMotion: "reduce" });
  await page.goto(`${etappe}/app/${encodeURIComponent(site)}/today`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.locator(".kpi-value").first().waitFor({ timeout: 60_000 });
  await page.waitForFunction((loading) => document.fonts.status === "loaded" && !document.querySelector(loading), LOADING, { timeout: 60_000 });
  mkdirSync(dirname(to), { recursive: true });
  await page.screenshot({ path: to });
} finally {
  await browser.close();
}
const { size } = statSync(to);
console.log(`${to}: ${Math.round(size / 1024)} KiB`);
if (size > MOST_BYTES) {
  console.error(`It is over ${MOST_BYTES / 1024} KiB; a smaller --height makes it less.`);
  process.exit(1);
}
