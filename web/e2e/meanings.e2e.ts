import type { Page } from "@playwright/test";
import { look, LOOKS, WIDTHS } from "./looks";
import { standInMeanings } from "./stand-ins";
import { expect, open, settled, test } from "./test";

const NAME = "Wishlist Opened Again";

async function choose(page: Page, meaning: string): Promise<void> {
  await page.getByRole("radio", { name: "Something else…" }).check();
  await page.getByLabel("All meanings", { exact: true }).selectOption(meaning);
}

test("somebody says what a name means, and takes it back", async ({ page }) => {
  const kept = await standInMeanings(page);
  await open(page, `events/meaning?name=${encodeURIComponent(NAME)}`);
  await expect(page.getByRole("heading", { name: `What does ${NAME} mean?` })).toBeVisible();
  await expect(page.getByText("It counts for events from now on. What came in before stays as it is.")).toBeVisible();
  await choose(page, "save_for_later");
  await page.getByRole("button", { name: "Save this meaning" }).click();
  await expect(page.getByRole("status").filter({ hasText: "Meaning saved. It counts for events from now on." })).toBeVisible();
  expect(kept.get(NAME)).toMatchObject({ milestone: "save_for_later" });
  await expect(page.locator(".meaning-said")).toContainText("Somebody saved something for later");
  await expect(page.getByRole("table", { name: "What you said so far" })).toContainText("somebody saved something for later");
  await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("button", { name: "Save this meaning" })).toBeVisible();
  expect(kept.size).toBe(0);

  await page.getByRole("button", { name: "Ignore this event" }).click();
  await expect(page.locator(".meaning-said")).toContainText("Ignored");
  expect(kept.get(NAME)).toMatchObject({ ignore: true });
  await page.getByRole("button", { name: `Undo the meaning of ${NAME}` }).click();
  await expect(page.getByRole("table", { name: "What you said so far" })).toHaveCount(0);
  expect(kept.size).toBe(0);
});

test("every meaning is offered as a sentence, in both languages", async ({ page }) => {
  await standInMeanings(page);
  await open(page, `events/meaning?name=${encodeURIComponent(NAME)}`);
  await page.getByRole("radio", { name: "Something else…" }).check();
  const sentences = async (label: string) => page.getByLabel(label, { exact: true }).locator("option").allInnerTexts();
  const english = await sentences("All meanings");
  expect(english.length).toBeGreaterThan(40);
  expect(english.filter((text) => /_|^\s*$/.test(text))).toEqual([]);
  await page.locator("h1").click();
  await page.keyboard.press("l");
  const dutch = await sentences("Alle betekenissen");
  expect(dutch.length).toBe(english.length);
  expect(dutch.filter((text) => /_|^\s*$/.test(text))).toEqual([]);
});

for (const width of WIDTHS) {
  test(`a meaning that was saved at ${width} px`, async ({ page, run }) => {
    const kept = await standInMeanings(page);
    const said = { ignore: false, by: "anna@wielewaal.example", at: new Date(Date.now() - 7_200_000).toISOString() };
    kept.set("gift_wrap_toggled", { event: "gift_wrap_toggled", milestone: null, ...said, ignore: true });
    await look(page, `/app/${run.site}/events/meaning`, width, width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]], { name: "meaning", go: () => settled(page) });
    kept.set(NAME, { event: NAME, milestone: "save_for_later", ...said });
    await look(page, `/app/${run.site}/events/meaning?name=${encodeURIComponent(NAME)}`, width, width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]], { name: "meaning-saved", go: () => settled(page) });
  });
}
