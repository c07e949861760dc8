import { look, LOOKS, WIDTHS } from "./looks";
import { aShare, SHARE_TOKEN, standInShares } from "./stand-ins";
import { expect, open, test } from "./test";

test("an editor makes a link to a page, with the code for another site", async ({ page, run }) => {
  const told = await standInShares(page);
  await open(page, "journey?p=7d&by=device&step=3&state=dropped");
  await page.getByRole("button", { name: "Share this page" }).click();
  await page.getByRole("menuitem", { name: "For people without an account…" }).click();
  const dialog = page.getByRole("dialog", { name: "Share Journey" });
  await dialog.getByText("Show it within another site").click();
  await dialog.getByLabel("Sites that may show it").fill("nonsense");
  await dialog.getByRole("button", { name: "Make the link" }).click();
  await expect(dialog.getByRole("alert")).toContainText("This is no address of a site: nonsense.");
  await dialog.getByLabel("Sites that may show it").fill("https://intranet.example/start");
  await dialog.getByLabel("Works until").selectOption("7");
  await dialog.getByRole("button", { name: "Make the link" }).click();
  await expect(dialog.getByLabel("Link", { exact: true })).toHaveText(`${run.address}/share/${SHARE_TOKEN}`);
  await expect(dialog.getByLabel("Show it within another site")).toContainText(`<iframe src="${run.address}/embed/${SHARE_TOKEN}" title="Journey · ${run.site}"`);
  expect(told.made).toEqual([{ page: "journey", view: "p=7d&m=aaarrr&by=device", period: "free", days: 7, password: null, origins: ["https://intranet.example"] }]);
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
});

test("a link with a password is not for another site, and a fixed period is written out", async ({ page }) => {
  const told = await standInShares(page);
  await open(page, "today?p=7d");
  await page.getByRole("button", { name: "Share this page" }).click();
  await page.getByRole("menuitem", { name: "For people without an account…" }).click();
  const dialog = page.getByRole("dialog", { name: "Share Today" });
  await dialog.getByRole("radio", { name: /^Only / }).check();
  await dialog.getByLabel("Password, if you want one").fill("plantenbak");
  await dialog.getByText("Show it within another site").click();
  await expect(dialog.getByText("Not with a password:")).toBeVisible();
  await dialog.getByRole("button", { name: "Make the link" }).click();
  await expect(dialog.getByText("Visitors need the password as well.")).toBeVisible();
  expect(told.made[0]).toMatchObject({ page: "today", period: "fixed", days: 30, password: "plantenbak", origins: [] });
  expect(told.made[0].view).toMatch(/^p=\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d&m=aaarrr$/);
  await dialog.getByRole("link", { name: "All links" }).click();
  await expect(page).toHaveURL(/setup\/share/);
  await expect(dialog).toHaveCount(0);
});

test("links are listed and can be revoked, after a second thought", async ({ page }) => {
  const told = await standInShares(page, [aShare({ id: "a" }), aShare({ id: "b", page: "revenue", has_password: true, last_opened: null })]);
  await open(page, "setup/share");
  const rows = page.getByRole("table").locator("tbody tr");
  await expect(rows).toHaveCount(2);
  await expect(rows.nth(1)).toContainText("with a password");
  await expect(rows.nth(1)).toContainText("never");
  await page.getByRole("button", { name: "Revoke the link to Revenue" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Revoke the link to Revenue" }).click();
  await rows.nth(1).getByRole("button", { name: "Revoke" }).click();
  await expect(rows).toHaveCount(1);
  expect(told.shares.map((each) => each.id)).toEqual(["a"]);
});

for (const width of WIDTHS) {
  test(`sharing at ${width} px`, async ({ page, run }) => {
    const looks = width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]];
    await standInShares(page, [aShare(), aShare({ id: "b", page: "revenue", view: "p=2026-04-12..2026-05-11", period: "fixed", has_password: true, last_opened: null, origins: ["https://intranet.example", "https://kamerplanten.example"] })]);
    await look(page, `/app/${run.site}/setup/share`, width, looks);
  });

  test(`the dialog that makes a link at ${width} px`, async ({ page, run }) => {
    await standInShares(page);
    const dialog = { name: "share-dialog", go: async () => {
      await page.locator(".head-tools .ctl.icon-only").click();
      await page.getByRole("menuitem").last().click();
      await page.locator(".share-embed summary").click();
    } };
    await look(page, `/app/${run.site}/today`, width, [width === 360 ? LOOKS[2] : LOOKS[1]], dialog);
  });
}
