import { expect, open, settled, test } from "./test";

test("back, forward and reload show what was there", async ({ page, run }) => {
  await open(page, "today");
  await page.getByRole("navigation").getByRole("link", { name: "Journey" }).click();
  await settled(page);
  await page.keyboard.press("2"); // the last seven days
  await expect(page).toHaveURL(/p=7d/);
  await page.getByRole("button", { name: "Over time" }).or(page.getByRole("radio", { name: "Over time" })).first().click();
  await expect(page).toHaveURL(/tab=time/);
  await page.getByRole("navigation").getByRole("link", { name: "Revenue" }).click();
  await expect(page, "the period goes along").toHaveURL(new RegExp(`/app/${run.site}/revenue\\?p=7d$`));
  await settled(page);

  await page.goBack();
  await expect(page).toHaveURL(/journey\?.*tab=time/);
  await settled(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Journey");
  await page.goBack();
  await expect(page).toHaveURL(/journey\?p=7d$/);
  await page.goBack();
  await page.goBack();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Today");
  for (let steps = 0; steps < 3; steps++) await page.goForward();
  await expect(page).toHaveURL(/journey\?.*tab=time/);
  const title = await page.title();
  await settled(page);
  const text = await page.locator("main .card").first().innerText();
  await page.reload();
  await settled(page);
  expect(await page.title()).toBe(title);
  await expect.poll(async () => withoutClock(await page.locator("main .card").first().innerText())).toBe(withoutClock(text));
});

/** "Complete up to 14:03" goes on meanwhile. */
const withoutClock = (text: string) => text.replace(/\d\d:\d\d/g, "–");

test("an address deep inside shows its page in a browser that was never here", async ({ page, run }) => {
  const addresses: [string, string][] = [
    ["journey?tab=between&p=12w", "Journey"],
    ["events/refused", "Events"],
    ["setup/you", "Set-up"],
    ["referral?c=none", "Referral"],
  ];
  for (const [path, title] of addresses) {
    await open(page, path);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(title);
    await expect(page, "the address stays").toHaveURL(`${run.address}/app/${run.site}/${path}`);
  }
  await open(page, "people/klant-0101");
  await expect(page.locator("main")).toContainText("Signed Up");
});

test("parts of an address that mean nothing are left out and named", async ({ page, run }) => {
  await page.goto(`/app/${run.site}/today?p=soon&colour=red`);
  // Before all else: what is said goes away by itself.
  await expect(page.getByRole("status").filter({ hasText: "colour" })).toBeVisible();
  await expect(page).toHaveURL(/\/today$/);
});

test("Ctrl K finds a page, and the keyboard alone goes there", async ({ page, run }) => {
  await open(page, "today");
  await page.keyboard.press("Control+k");
  const search = page.getByRole("combobox");
  await expect(search).toBeFocused();
  await page.keyboard.type("referral");
  await expect(page.getByRole("option", { selected: true })).toContainText("Referral");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(`${run.address}/app/${run.site}/referral`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Referral");
  await expect(search).toHaveCount(0);
  await page.keyboard.press("Control+k");
  await expect(search).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Escape");
  await expect(search, "Escape closes it").toHaveCount(0);
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await expect(page.getByRole("heading", { level: 1 }), "g o goes to Revenue").toHaveText("Revenue");
});

test("every page of the menu can be reached with the keyboard", async ({ page }) => {
  await open(page, "today");
  const names = await page.getByRole("navigation").first().getByRole("link").allInnerTexts();
  expect(names.length).toBe(7);
  for (const [index, key] of ["t", "j", "r", "o", "p", "e", "s"].entries()) {
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(names[index].split("\n")[0].trim());
  }
});
