import { layoutFaults } from "./layout";
import { standInTrend } from "./stand-ins";
import { expect, open, test } from "./test";

test("each card shows its course, with words, and asks by day, week and month", async ({ page }) => {
  const asked = await standInTrend(page);
  await open(page, "today");
  const lines = page.locator(".kpi-spark");
  await expect(lines).toHaveCount(8);
  const customers = page.locator("article.kpi", { hasText: "Customers" }).first().getByRole("img");
  await expect(customers.first()).toHaveAccessibleName(/^Day by day: lowest [\d,]+ on .*, highest .*The last part is dashed because it is not over yet\.$/);
  await expect(lines.first().locator("polyline[stroke-dasharray]"), "the last part is not over").toHaveCount(1);
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
  await standInTrend(page);
  await open(page, "referral");
  await expect(page.locator("article.kpi", { hasText: "New people per 100 customers" }).locator(".kpi-spark")).toHaveCount(1);
  await expect(page.locator("article.kpi", { hasText: "From one to the next" }).locator(".kpi-spark")).toHaveCount(0);
});
