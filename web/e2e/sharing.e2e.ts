import { takesOff } from "./proxy";
import { look, LOOKS, WIDTHS } from "./looks";
import { aShare, SHARE_TOKEN, standInShared, standInShares } from "./stand-ins";
import { expect, open, settled, test } from "./test";

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

const visitor = test.extend({ storageState: undefined });

visitor("whoever has a link sees its page and nothing else", async ({ page, run }) => {
  const asked = await standInShared(page, { page: "today", view: "p=7d&m=aaarrr" });
  await page.goto(`/share/${SHARE_TOKEN}`);
  await settled(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Today");
  await expect(page.getByText("Wielewaal")).toBeVisible();
  await expect(page.locator("article.kpi")).toHaveCount(8);
  await expect(page.getByRole("navigation")).toHaveCount(0);
  expect(await page.locator("a[href]").evaluateAll((all) => all.map((each) => each.getAttribute("href")))).toEqual([]);
  await expect(page.getByRole("button", { name: /Last 7 full days/ })).toBeVisible();
  await page.keyboard.press("3"); // thirty days, the interface's own default
  await expect(page).toHaveURL(`${run.address}/share/${SHARE_TOKEN}?p=`);
  await expect(page.getByRole("button", { name: /Last 30 full days/ })).toBeVisible();
  await page.reload();
  await settled(page);
  await expect(page.getByRole("button", { name: /Last 30 full days/ })).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.keyboard.press("g");
  await page.keyboard.press("j");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Today");
  expect([...new Set(asked)].sort()).toEqual(["funnel", "kpis", "models"]);
});

visitor("a fixed period stays, whatever the address says", async ({ page }) => {
  await standInShared(page, { page: "journey", view: "p=2026-04-12..2026-05-11&m=aaarrr", period: "fixed" });
  await page.goto(`/share/${SHARE_TOKEN}?p=12m&c=year&step=3&state=dropped`);
  await settled(page);
  await expect(page.locator(".fixed-period")).toContainText("12 April – 11 May");
  await page.keyboard.press("2");
  await expect(page.locator(".fixed-period")).toContainText("12 April – 11 May");
  await expect(page.getByRole("complementary")).toHaveCount(0);
});

visitor("a page with a password asks for it", async ({ page, guard }) => {
  guard.allow(/\b401\b/);
  await standInShared(page, { page: "revenue", view: "p=30d", password: "plantenbak" });
  await page.goto(`/share/${SHARE_TOKEN}`);
  await page.getByLabel("Password", { exact: true }).fill("kaktus");
  await page.getByRole("button", { name: "Open the page" }).click();
  await expect(page.getByRole("alert")).toHaveText("That password is not right.");
  await page.getByLabel("Password", { exact: true }).fill("plantenbak");
  await page.getByRole("button", { name: "Open the page" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Revenue");
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 }), "the cookie opens it from then on").toHaveText("Revenue");
});

for (const [status, words] of [[410, "This link no longer works."], [404, "There is no page at this address."]] as const) {
  visitor(`a link that answers ${status} says so in plain words`, async ({ page, guard }) => {
    guard.allow(new RegExp(`\\b${status}\\b`));
    await standInShared(page, { page: "today", view: "", status });
    await page.goto(`/share/${SHARE_TOKEN}`);
    await expect(page.getByText(words)).toBeVisible();
  });
}

visitor("an embedded page has no bar of its own, and keeps the prefix of a proxy", async ({ page, run, guard }) => {
  const proxy = await takesOff("/stats", new URL(run.address));
  guard.allow(new RegExp(proxy.address)); // another port than the guard knows
  await page.route(`**/stats/share/api/${SHARE_TOKEN}`, (route) => route.fulfill({ json: { site: { id: run.site, timezone: "Europe/Amsterdam" }, page: "referral", view: "p=30d", period: "free", needs_password: false } }));
  await page.route("**/stats/v1/sites/**", (route) => route.continue({ headers: { ...route.request().headers(), authorization: `Bearer ${run.readToken}` } }));
  await page.goto(`${proxy.address}/stats/embed/${SHARE_TOKEN}`);
  await settled(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Referral");
  await expect(page.locator(".shared-bar")).toHaveCount(0);
  await expect(page.getByText("Your ambassadors"), "people are not shared").toHaveCount(0);
  proxy.stop();
});

for (const width of WIDTHS) {
  for (const shared of ["today", "journey", "referral"]) {
    visitor(`${shared} as it was shared at ${width} px`, async ({ page }) => {
      await standInShared(page, { page: shared, view: "p=30d&m=aaarrr", period: shared === "journey" ? "fixed" : "free" });
      await look(page, `/share/${SHARE_TOKEN}`, width, width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]], { name: `shared-${shared}`, go: () => settled(page) });
    });
  }
}
