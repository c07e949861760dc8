import { layoutFaults } from "./layout";
import { look, LOOKS, WIDTHS } from "./looks";
import { ask, expect, open, settled, test } from "./test";

interface Changes {
  day: string;
  complete: boolean;
  compared_days: number;
  changes: { id: string; value: number; low: number; high: number }[];
  new_names: { name: string; kind: string; events: number; people: number }[];
  late: { events: number; people: number };
}

const UNUSUAL = [
  { id: "orders", value: 5, low: 26, high: 37, currency: null },
  { id: "revenue", value: 4310.5, low: 1200, high: 3900, currency: "EUR" },
];
const NEW_NAMES = [{ name: "Plantenbak geruild", kind: "track", events: 12, people: 9 }];

test("what was unusual yesterday is what the API says", async ({ page }) => {
  const answer = await ask<Changes>("changes");
  expect(answer.complete && answer.compared_days >= 4, "the shop has weeks of history").toBe(true);
  await open(page, "today");
  const card = page.getByRole("region", { name: "Since yesterday" });
  // The shop's history was sent today, so it came late.
  const late = answer.late.events >= 10 ? 1 : 0;
  const lines = Math.min(answer.changes.length + answer.new_names.length + late, 5);
  await expect(card.getByRole("listitem")).toHaveCount(lines);
  for (const change of answer.changes.filter((each) => each.id !== "revenue")) await expect(card).toContainText(change.value.toLocaleString("en"));
  if (late) await expect(card.getByRole("listitem").last()).toContainText(answer.late.events.toLocaleString("en"));
  if (!lines) await expect(card).toHaveText(/^Yesterday was an ordinary (Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\.$/);
});

for (const width of WIDTHS) {
  test(`an unusual day at ${width} px`, async ({ page, run }) => {
    await page.route("**/v1/sites/*/changes*", async (route) => {
      const answer = await route.fetch();
      const json = { ...((await answer.json()) as Changes), changes: UNUSUAL, new_names: NEW_NAMES };
      await route.fulfill({ response: answer, json });
    });
    await open(page, "today");
    const lines = page.getByRole("region", { name: "Since yesterday" }).getByRole("listitem");
    await expect(lines.first()).toContainText("5 orders yesterday.");
    await expect(lines.first()).toContainText("it is usually 26 to 37.");
    await expect(lines.first().getByRole("img", { name: "lower than usual" })).toBeVisible();
    await expect(lines.nth(1)).toContainText("€4,311 of revenue yesterday.");
    await lines.nth(2).getByRole("link", { name: "What does it mean?" }).click();
    await expect(page).toHaveURL(/events\/meaning\?.*name=Plantenbak/);
    await look(page, `/app/${run.site}/today`, width, width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]], { name: "since", go: () => settled(page) });
    expect(await layoutFaults(page)).toEqual([]);
  });
}
