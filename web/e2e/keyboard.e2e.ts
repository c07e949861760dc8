import type { Page } from "@playwright/test";
import { expect, open, settled, test } from "./test";

interface Stop {
  name: string;
  fault: string | null;
}

/** What has the focus, and what is wrong with it for somebody who has no mouse. */
function stop(page: Page): Promise<Stop | null> {
  return page.evaluate(() => {
    const at = document.activeElement as HTMLElement | null;
    if (!at || at === document.body) return null;
    at.setAttribute("data-stopped", "");
    const label = at.getAttribute("aria-label") ?? at.getAttribute("title") ?? (at as HTMLInputElement).labels?.[0]?.textContent ?? at.textContent ?? "";
    const words = label.trim().replace(/\s+/g, " ").slice(0, 50);
    const name = `${at.tagName.toLowerCase()}.${at.className} "${words}"`;
    const ring = (style: CSSStyleDeclaration) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const shows = [at, at.parentElement!, at.parentElement!.parentElement!].some((each) => ring(getComputedStyle(each))) || ring(getComputedStyle(at, "::after"));
    if (!words) return { name, fault: "has no name" };
    if (at.tabIndex > 0) return { name, fault: "is out of turn" };
    if (!shows) return { name, fault: "does not show the focus" };
    const box = at.getBoundingClientRect();
    const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 2);
    const y = box.top + box.height / 2;
    if (y < 0 || y > innerHeight) return { name, fault: `is at ${Math.round(y)}, outside the window` };
    const top = document.elementFromPoint(x, y);
    if (top && !at.contains(top) && !top.contains(at) && !top.closest("label")?.contains(at)) return { name, fault: `lies under ${top.tagName.toLowerCase()}.${top.className}` };
    return { name, fault: null };
  });
}

/** What could be used with a mouse and was never reached; one of a choice stands for all of them. */
function missed(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("a[href], button, input, select, textarea, summary")]
      .filter((each) => each.checkVisibility({ visibilityProperty: true }) && !(each as HTMLButtonElement).disabled && each.tabIndex >= 0 && !each.closest("[inert]"))
      .filter((each) => !each.hasAttribute("data-stopped") && !(each instanceof HTMLInputElement && each.type === "radio"))
      .map((each) => `${each.tagName.toLowerCase()}.${each.className} "${(each.textContent ?? "").trim().slice(0, 40)}"`),
  );
}

const MOST_STOPS = 400;

async function walk(page: Page): Promise<{ stops: Stop[]; faults: string[] }> {
  const stops: Stop[] = [];
  while (stops.length < MOST_STOPS) {
    await page.keyboard.press("Tab");
    const found = await stop(page);
    if (!found) break;
    stops.push(found);
  }
  const faults = stops.flatMap(({ name, fault }) => (fault ? [`${name} ${fault}`] : []));
  return { stops, faults: [...faults, ...(await missed(page)).map((name) => `${name} is never reached`)] };
}

const PLACES = ["today", "journey", "journey?tab=between", "referral", "revenue", "people?q=wielewaal", "people/klant-0101", "events/meaning", "events/refused", "events/funnel", "setup", "setup/share", "setup/keys", "setup/you"];

for (const place of PLACES) {
  test(`${place} is walked through with Tab alone`, async ({ page }) => {
    await open(page, place);
    const { stops, faults } = await walk(page);
    expect(stops[0].name, "the first stop leads past the menu").toContain("Skip to the page");
    expect(faults).toEqual([]);
  });
}

for (const place of ["today", "journey", "events/funnel"]) {
  test(`${place} is walked through with Tab alone at 360 px, and no bar hides the focus`, async ({ page }) => {
    await page.setViewportSize({ width: 360, height: 780 });
    await open(page, place);
    expect((await walk(page)).faults).toEqual([]);
  });
}

test("every drawing has words for who does not see it", async ({ page }) => {
  const nameless: string[] = [];
  for (const place of ["today", "journey", "journey?tab=time", "journey?tab=between", "referral", "revenue", "people/klant-0101"]) {
    await open(page, place);
    if (place.endsWith("time")) await expect(page.locator(".line-chart canvas")).toBeVisible();
    const found = await page.locator("main").evaluate((main) =>
      [...main.querySelectorAll("svg, canvas, [role=img]")]
        .filter((each) => !each.closest("[aria-hidden=true]") && !each.parentElement!.closest("[role=img]"))
        .filter((each) => each.getAttribute("role") !== "img" || !(each.getAttribute("aria-label") ?? each.querySelector("title")?.textContent ?? "").trim())
        .map((each) => each.outerHTML.slice(0, 80)),
    );
    nameless.push(...found.map((each) => `${place}: ${each}`));
  }
  expect(nameless).toEqual([]);
});

test("Escape closes what is open and gives the focus back", async ({ page }) => {
  await open(page, "journey");
  const opened = [
    { button: page.getByRole("button", { name: /Last 30 full days/ }), what: page.getByRole("dialog", { name: "Period" }) },
    { button: page.getByRole("button", { name: /30 days before/ }), what: page.getByRole("listbox", { name: "Compare with" }) },
    { button: page.getByRole("button", { name: "What is “Funnel”?" }), what: page.locator(".popover, .define-panel").first() },
    { button: page.getByRole("button", { name: "Share this page" }), what: page.getByRole("menu", { name: "Share this page" }) },
  ];
  for (const { button, what } of opened) {
    await button.focus();
    await page.keyboard.press("Enter");
    await expect(what).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(what).toHaveCount(0);
    await expect(button).toBeFocused();
  }
  for (const [key, title] of [["Control+k", "Search"], ["?", "Keys"]]) {
    await page.keyboard.press(key);
    await expect(page.getByRole("dialog", { name: title })).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
  }
  const number = page.getByRole("table", { name: "Step by step" }).locator("tbody tr").nth(4).getByRole("button").first();
  await number.focus();
  await page.keyboard.press("Enter");
  await settled(page);
  const panel = page.getByRole("complementary", { name: "People behind this figure" });
  await expect(panel.getByRole("heading", { level: 2 }), "the panel takes the focus").toBeFocused();
  await page.keyboard.press("Escape");
  await expect(panel).toHaveCount(0);
  await expect(number, "and gives it back").toBeFocused();
});

test("arrows go along tabs, choices and the funnel", async ({ page }) => {
  await open(page, "journey");
  await page.getByRole("radio", { name: "Funnel" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/tab=time/);
  await expect(page.getByRole("radio", { name: "Over time" })).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await settled(page);
  await page.locator("button.river-top").first().focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.locator("button.river-top").nth(1)).toBeFocused();
  await open(page, "events/live");
  await page.getByRole("navigation", { name: "What to look at" }).getByRole("link").first().focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/events\/meaning/);
});
