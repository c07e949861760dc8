import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { SCREENSHOTS } from "./folders";
import { layoutFaults } from "./layout";
import { EMPTY_SITE } from "./start";
import { expect, settled, test } from "./test";

interface Look {
  language: "en" | "nl";
  theme: "light" | "dark";
}

const LOOKS: Look[] = [
  { language: "en", theme: "light" },
  { language: "nl", theme: "light" },
  { language: "nl", theme: "dark" },
  { language: "en", theme: "dark" },
];

const WIDTHS = [1440, 360];

/** The pages of the menu: each in every look. */
const MENU = ["today", "journey", "referral", "revenue", "people", "events", "setup"];

/** What else there is to see: in two looks that differ in everything. */
const MORE = [
  "today?p=12m&c=none",
  "journey?tab=time&p=12w",
  "journey?tab=between",
  "journey?view=table",
  "journey?step=3&state=dropped",
  "journey?m=klantreis",
  "people/klant-0101",
  "events/live",
  "events/meaning",
  "events/refused",
  "events/funnel",
  "setup/you",
];

async function take(page: Page, look: Look): Promise<void> {
  await page.addInitScript(({ language, theme }) => {
    if (sessionStorage.getItem("look")) return;
    sessionStorage.setItem("look", "set");
    localStorage.setItem("etappe.language", language);
    localStorage.setItem("etappe.theme", theme);
  }, look);
}

/** With the keys that readers have for it. */
async function change(page: Page, look: Look): Promise<void> {
  const html = page.locator("html");
  if ((await html.getAttribute("lang")) !== look.language) await page.keyboard.press("l");
  if ((await html.getAttribute("data-theme")) !== look.theme) await page.keyboard.press("d");
  await expect(html).toHaveAttribute("lang", look.language);
  await expect(html).toHaveAttribute("data-theme", look.theme);
  await settled(page);
}

async function faultsOf(page: Page): Promise<string[]> {
  const faults = await layoutFaults(page);
  for (const failed of await page.locator(".failed").allInnerTexts()) faults.push(`failed: ${failed}`);
  const main = page.locator("main");
  if (!(await main.innerText()).trim()) faults.push("the page is empty");
  const text = await page.locator("body").innerText();
  for (const odd of text.match(/\b(undefined|NaN|null|\[object \w+\])\b|\{\w+\}|[^\n]*¦[^\n]*/g) ?? []) faults.push(`no words for a reader: ${odd}`);
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ["violations"] }).analyze();
  for (const each of violations) {
    if (each.impact !== "serious" && each.impact !== "critical") continue;
    for (const node of each.nodes.slice(0, 5)) faults.push(`axe ${each.impact} ${each.id}: ${node.target.join(" ")} — ${node.failureSummary?.split("\n").slice(1, 3).join(" ").trim()}`);
  }
  return faults;
}

async function look(page: Page, path: string, width: number, looks: Look[]): Promise<void> {
  await page.setViewportSize({ width, height: width < 760 ? 780 : 900 });
  await take(page, looks[0]);
  await page.goto(path);
  const faults: string[] = [];
  for (const each of looks) {
    await change(page, each);
    const name = `${path.replace(/^\/app\//, "").replace(/[^\w-]+/g, "-")}-${width}-${each.language}-${each.theme}`;
    const found = await faultsOf(page);
    if (found.length || process.env.ETAPPE_SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
    faults.push(...found.map((fault) => `${each.language} ${each.theme}: ${fault}`));
  }
  expect(faults, `${path} at ${width} px; pictures are in ${SCREENSHOTS}`).toEqual([]);
}

for (const width of WIDTHS) {
  for (const path of MENU) {
    test(`${path} at ${width} px in both languages, light and dark`, async ({ page, run }) => {
      await look(page, `/app/${run.site}/${path}`, width, LOOKS);
    });
  }
  for (const path of MORE) {
    test(`${path} at ${width} px`, async ({ page, run }) => {
      await look(page, `/app/${run.site}/${path}`, width, [width === 360 ? LOOKS[2] : LOOKS[0]]);
    });
  }
  for (const path of MENU) {
    test(`${path} of a site without events at ${width} px`, async ({ page }) => {
      await look(page, `/app/${EMPTY_SITE}/${path}`, width, [width === 360 ? LOOKS[3] : LOOKS[1]]);
    });
  }
}
