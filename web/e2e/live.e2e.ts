import { look, LOOKS, WIDTHS } from "./looks";
import { expect, send, settled, test } from "./test";

const RUN = crypto.randomUUID().slice(0, 8);
let number = 0;

/** Tests run side by side, so each knows its own events by their page. */
function event(more: Record<string, unknown> = {}): Record<string, unknown> {
  number += 1;
  const context = { page: { path: `/proef/${RUN}/${number}`, url: `https://wielewaal.example/proef/${RUN}/${number}`, referrer: "https://www.google.com/" } };
  return { type: "track", event: "Product Viewed", userId: "live-kijker", messageId: `live-${RUN}-${number}`, timestamp: new Date().toISOString(), context, ...more };
}

test("what comes in is listed newest first, opens, and waits while somebody reads", async ({ page, run }) => {
  await page.goto(`/app/${run.busy.site}/events/live`);
  await settled(page);
  await send([event()]);
  const rows = page.getByRole("list", { name: "What comes in" }).getByRole("listitem");
  const paths = async () => (await rows.locator(".ev-about").allInnerTexts()).flatMap((text) => (text.includes(`/proef/${RUN}/`) ? [Number(text.split("/").pop())] : []));
  await expect.poll(async () => (await paths())[0]).toBe(number);
  await send([event()]);
  await send([event({ properties: { soort: "monstera" } })]);
  await expect.poll(async () => (await paths()).slice(0, 3)).toEqual([number, number - 1, number - 2]);
  await page.getByRole("button", { name: "Pause" }).click();
  await send([event(), event()]);
  const goOn = page.getByRole("button", { name: /^Show \d+ new events$/ });
  await expect(goOn).toBeVisible();
  expect((await paths())[0]).toBe(number - 2);
  const row = rows.filter({ hasText: `/proef/${RUN}/${number - 2}` });
  await row.getByRole("button").click();
  await expect(row).toContainText("monstera");
  await expect(row.getByRole("link", { name: "Visitor live-kijker" })).toHaveAttribute("href", /people\/live-kijker$/);
  await goOn.click();
  await expect.poll(async () => Math.max(...(await paths()).slice(0, 2))).toBe(number);
  await expect(page.getByRole("button", { name: "Pause" })).toBeVisible();
});

test("Today says how many people are there now", async ({ page, run }) => {
  await send([event()]);
  await page.goto(`/app/${run.busy.site}/today`);
  await settled(page);
  await expect(page.getByText(/^[\d,]+ (people|person) on your site now$/)).toBeVisible();
});

for (const width of WIDTHS) {
  test(`the live list at ${width} px`, async ({ page, run }) => {
    await send([event(), event({ event: "Wishlist Opened Again" }), event({ event: "Signed Up" })]);
    await look(page, `/app/${run.busy.site}/events/live`, width, width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[2]], {
      name: "live",
      go: async () => {
        await page.locator(".live-list .ev-button").first().click();
        await settled(page);
      },
    });
  });
}
