import type { Page } from "@playwright/test";
import { look, LOOKS, WIDTHS } from "./looks";
import { state } from "./state";
import { expect, open, settled, test } from "./test";

const NAME = "Wishlist Opened Again";

async function choose(page: Page, meaning: string): Promise<void> {
  await page.getByRole("radio", { name: "Something else…" }).check();
  await page.getByLabel("All meanings", { exact: true }).selectOption(meaning);
}

/** What the server keeps, asked with the session of the page. */
async function kept(page: Page): Promise<{ event: string; milestone: string | null; ignore: boolean }[]> {
  const answer = await page.request.get(`/app/api/sites/${state().site}/meanings`);
  return ((await answer.json()) as { meanings: { event: string; milestone: string | null; ignore: boolean }[] }).meanings;
}

async function forget(page: Page): Promise<void> {
  const { csrf } = (await (await page.request.get("/app/api/session")).json()) as { csrf: string };
  const path = `/app/api/sites/${state().site}/meanings/${encodeURIComponent(NAME)}`;
  expect((await page.request.delete(path, { headers: { "x-csrf-token": csrf } })).status()).toBe(204);
}

test.describe.configure({ mode: "serial" });

test("somebody says what a name means, and takes it back", async ({ page }) => {
  await open(page, `events/meaning?name=${encodeURIComponent(NAME)}`);
  await expect(page.getByRole("heading", { name: `What does ${NAME} mean?` })).toBeVisible();
  await expect(page.getByText("It counts for events from now on. What came in before stays as it is.")).toBeVisible();
  await choose(page, "save_for_later");
  await page.getByRole("button", { name: "Save this meaning" }).click();
  await expect(page.getByRole("status").filter({ hasText: "Meaning saved. It counts for events from now on." })).toBeVisible();
  expect(await kept(page)).toMatchObject([{ event: NAME, milestone: "save_for_later", ignore: false }]);
  await expect(page.locator(".meaning-said")).toContainText("Somebody saved something for later");
  await expect(page.getByRole("table", { name: "What you said so far" })).toContainText("somebody saved something for later");
  await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("button", { name: "Save this meaning" })).toBeVisible();
  expect(await kept(page)).toEqual([]);

  await page.getByRole("button", { name: "Ignore this event" }).click();
  await expect(page.locator(".meaning-said")).toContainText("Ignored");
  expect(await kept(page)).toMatchObject([{ event: NAME, milestone: null, ignore: true }]);
  await page.getByRole("button", { name: `Undo the meaning of ${NAME}` }).click();
  await expect(page.getByRole("table", { name: "What you said so far" })).toHaveCount(0);
  expect(await kept(page)).toEqual([]);
});

test("every meaning is offered as a sentence, in both languages", async ({ page }) => {
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
    const looks = width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]];
    const address = `/app/${run.site}/events/meaning?name=${encodeURIComponent(NAME)}`;
    await open(page, `events/meaning?name=${encodeURIComponent(NAME)}`);
    await page.getByRole("button", { name: "Ignore this event" }).click();
    await expect.poll(() => kept(page)).toHaveLength(1);
    await look(page, `/app/${run.site}/events/meaning`, width, looks, { name: "meaning", go: () => settled(page) });
    await look(page, address, width, looks, { name: "meaning-saved", go: () => settled(page) });
    await forget(page);
    expect(await kept(page)).toEqual([]);
  });
}
