import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { SCREENSHOTS } from "./folders";
import { layoutFaults } from "./layout";
import { expect, settled } from "./test";

export interface Look {
  language: "en" | "nl";
  theme: "light" | "dark";
}

export const LOOKS: Look[] = [
  { language: "en", theme: "light" },
  { language: "nl", theme: "light" },
  { language: "nl", theme: "dark" },
  { language: "en", theme: "dark" },
];

export const WIDTHS = [1440, 360];

/** The look that the pages of this context begin with. */
export async function take(page: Page, look: Look): Promise<void> {
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

/** What is wrong with the page as it stands, in each of the looks; a picture is taken where something is, or all are asked for. */
export async function inLooks(page: Page, name: string, looks: Look[]): Promise<string[]> {
  const faults: string[] = [];
  const width = page.viewportSize()!.width;
  for (const each of looks) {
    await change(page, each);
    const found = await faultsOf(page);
    if (found.length || process.env.ETAPPE_SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}-${each.language}-${each.theme}.png`), fullPage: true });
    faults.push(...found.map((fault) => `${each.language} ${each.theme}: ${fault}`));
  }
  return faults;
}

/** Opens an address at a width and finds what is wrong with it in each of the looks; `reach` leads to what is to be seen there. */
export async function look(page: Page, path: string, width: number, looks: Look[], reach?: { name: string; go: () => Promise<void> }): Promise<void> {
  await page.setViewportSize({ width, height: width < 760 ? 780 : 900 });
  await take(page, looks[0]);
  await page.goto(path);
  if (reach) await settled(page);
  await reach?.go();
  const name = reach?.name ?? path.replace(/^\/app\//, "").replace(/[^\w-]+/g, "-");
  expect(await inLooks(page, name, looks), `${path} at ${width} px; pictures are in ${SCREENSHOTS}`).toEqual([]);
}
