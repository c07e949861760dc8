import { layoutFaults } from "./layout";
import { ask, expect, lastThirtyDays, open, test } from "./test";

interface Trended {
  kpis: { id: string; value: number; trend?: { period: string; value: number | null; complete: boolean }[] }[];
}

test("each card shows its course, with words, and asks by day, week and month", async ({ page }) => {
  const asked: string[] = [];
  page.on("request", (request) => {
    const grain = new URL(request.url()).searchParams.get("trend");
    if (grain) asked.push(grain);
  });
  await open(page, "today");
  const lines = page.locator(".kpi-spark");
  await expect(lines.first()).toBeVisible();
  const customers = page.locator("article.kpi", { hasText: "Customers" }).first().getByRole("img").first();
  await expect(customers).toHaveAccessibleName(/^Day by day: lowest [\d,]+ on .*, highest .*/);
  const { kpis } = await ask<Trended>(`kpis?${new URLSearchParams({ ...lastThirtyDays(), timezone: "Europe/Amsterdam", trend: "day" })}`);
  const days = kpis.find((kpi) => kpi.id === "customers")!.trend!;
  expect(days.length).toBe(30);
  const most = Math.max(...days.map((day) => day.value ?? 0));
  expect(await customers.getAttribute("aria-label") ?? (await customers.locator("title").innerHTML())).toContain(`highest ${most}`);
  expect(await layoutFaults(page)).toEqual([]);
  await page.keyboard.press("4"); // twelve weeks
  await expect(lines.first()).toHaveAccessibleName(/^Week by week/);
  await page.keyboard.press("6"); // twelve months
  await expect(lines.first()).toHaveAccessibleName(/^Month by month/);
  await page.keyboard.press("1"); // a single day has no shape
  await expect(page.locator(".kpi-value").first()).toBeVisible();
  await expect(lines).toHaveCount(0);
  expect([...new Set(asked)]).toEqual(["day", "week", "month"]);
});

test("a figure without a course has no line", async ({ page }) => {
  await open(page, "today");
  await expect(page.locator("article.kpi", { hasText: "Customers" }).first().locator(".kpi-spark")).toHaveCount(1);
  await open(page, "referral");
  await expect(page.locator("article.kpi", { hasText: "From one to the next" }).locator(".kpi-spark")).toHaveCount(0);
});
