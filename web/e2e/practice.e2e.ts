import { look, LOOKS, WIDTHS } from "./looks";
import { standInPractice, standInPracticeSite, withoutOffer } from "./stand-ins";
import { EMPTY_SITE } from "./start";
import { expect, settled, test } from "./test";

test("who only looks around starts the practice site beside the set-up, and follows it", async ({ page, run }) => {
  // Any site of the run will do: the interface goes where the answer says.
  const told = await standInPractice(page, run.site);
  await page.goto(`/app/${EMPTY_SITE}/setup`);
  await settled(page);
  const card = page.getByRole("region", { name: "Just looking around?" });
  await card.getByRole("button", { name: "Start the practice site" }).click();
  await expect(card.getByRole("progressbar", { name: "How far the practice site is" })).toHaveAttribute("value", "0.5");
  await expect(card).toContainText("Inventing customers: 50% done.");
  await card.getByRole("link", { name: "Open the practice site" }).click();
  await expect(page).toHaveURL(new RegExp(`/app/${run.site}/today$`));
  expect(told.started).toBe(1);
});

test("an empty page offers it, too, and an Etappe without one does not", async ({ page, guard }) => {
  guard.allow(/404/);
  await withoutOffer(page, "practice");
  await page.goto(`/app/${EMPTY_SITE}/today`);
  await settled(page);
  await expect(page.getByText("Nobody in this period")).toBeVisible();
  await expect(page.getByText("Just looking around?")).toHaveCount(0);
  await page.unroute("**/app/api/session");
  await standInPractice(page);
  await page.reload();
  await settled(page);
  await expect(page.getByRole("button", { name: "Start the practice site" })).toBeVisible();
});

for (const width of WIDTHS) {
  test(`the practice site and what offers it at ${width} px`, async ({ page, run }) => {
    const looks = width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]];
    await standInPractice(page);
    await look(page, `/app/${EMPTY_SITE}/setup`, width, looks, { name: "practice-setup", go: () => settled(page) });
    await look(page, `/app/${EMPTY_SITE}/today`, width, looks, { name: "practice-empty", go: () => settled(page) });
    await standInPracticeSite(page);
    await look(page, `/app/${run.site}/revenue`, width, looks, { name: "practice-label", go: () => expect(page.locator(".practice-label:visible")).toHaveCount(1) });
  });
}
