import { look, LOOKS, WIDTHS } from "./looks";
import { liveEvent, standInLive } from "./stand-ins";
import { expect, open, settled, test } from "./test";

test("what comes in is listed newest first, opens, and waits while somebody reads", async ({ page }) => {
  let last = 0;
  await standInLive(page, () => ({ people: 12 + last, events: [(last += 1), (last += 1)].map((id) => liveEvent(id)) }));
  await open(page, "events/live");
  const rows = page.getByRole("list", { name: "What comes in" }).getByRole("listitem");
  await expect(rows.first()).toContainText("Made an account");
  const seen = async () => (await rows.locator(".ev-about").allInnerTexts()).map((text) => Number(text.split("?")[1]));
  await expect.poll(async () => (await seen()).length, { message: "a stream that ends is opened again" }).toBeGreaterThan(3);
  const order = await seen();
  expect(order).toEqual([...order].sort((a, b) => b - a));
  expect(new Set(order).size, "each once").toBe(order.length);
  await page.getByRole("button", { name: "Pause" }).click();
  const held = await seen();
  const goOn = page.getByRole("button", { name: /^Show \d+ new events$/ });
  await expect(goOn).toBeVisible();
  expect(await seen()).toEqual(held);
  await rows.first().getByRole("button").click();
  await expect(rows.first()).toContainText("Search · phone · Netherlands");
  await expect(rows.first().getByRole("link", { name: "Visitor klant-0101" })).toHaveAttribute("href", /people\/klant-0101$/);
  await goOn.click();
  expect((await seen())[0]).toBeGreaterThan(held[0]);
  await expect(page.getByRole("button", { name: "Pause" })).toBeVisible();
});

test("the list stays bounded, and a server that was away is asked again", async ({ page, guard }) => {
  guard.allow(/\b503\b/);
  await standInLive(page, (connection) => (connection === 1 ? { status: 503 } : { people: 3, events: Array.from({ length: 260 }, (_, id) => liveEvent(id)) }));
  await open(page, "events/live");
  await expect(page.locator(".live-list > li")).toHaveCount(200);
});

test("Today says how many people are there now", async ({ page }) => {
  await standInLive(page, () => ({ people: 34 }));
  await open(page, "today");
  await expect(page.getByText("34 people on your site now")).toBeVisible();
});

for (const width of WIDTHS) {
  test(`the live list at ${width} px`, async ({ page, run }) => {
    const names = [liveEvent(1), liveEvent(2, { event: "Wishlist Opened Again", milestone: null, stages: {}, page_path: null }), liveEvent(3, { event: "Order Completed", milestone: "purchase", stages: { aaarrr: "revenue" } })];
    await standInLive(page, (connection) => (connection === 1 ? { people: 3, events: names } : {}));
    await look(page, `/app/${run.site}/events/live`, width, width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[2]], {
      name: "live",
      go: async () => {
        await page.locator(".live-list .ev-button").first().click();
        await settled(page);
      },
    });
  });
}
