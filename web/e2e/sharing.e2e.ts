import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { listedLink, makeLink, revokeLink } from "./links";
import { look, LOOKS, WIDTHS } from "./looks";
import { takesOff } from "./proxy";
import { EMPTY_SITE } from "./start";
import { expect, open, settled, test } from "./test";

async function openDialog(page: Page) {
  await page.getByRole("button", { name: "Share this page" }).click();
  await page.getByRole("menuitem", { name: "For people without an account…" }).click();
}

test("an editor makes a link to a page, with the code for another site", async ({ page, run }) => {
  await open(page, "journey?p=7d&by=device&step=3&state=dropped");
  await openDialog(page);
  const dialog = page.getByRole("dialog", { name: "Share Journey" });
  await dialog.getByText("Show it within another site").click();
  await dialog.getByLabel("Sites that may show it").fill("nonsense");
  await dialog.getByRole("button", { name: "Make the link" }).click();
  await expect(dialog.getByRole("alert")).toContainText("This is no address of a site: nonsense.");
  await dialog.getByLabel("Sites that may show it").fill("https://intranet.example/start");
  await dialog.getByLabel("Works until").selectOption("7");
  await dialog.getByRole("button", { name: "Make the link" }).click();
  const link = dialog.getByLabel("Link", { exact: true });
  await expect(link).toContainText(`${run.address}/share/el_`);
  const embedded = (await link.innerText()).trim().replace("/share/", "/embed/");
  await expect(dialog.getByLabel("Show it within another site")).toContainText(`<iframe src="${embedded}" title="Journey · ${run.site}"`);
  const listed = await listedLink(run.site, "journey", /by=device/);
  expect(listed).toMatchObject({ view: "p=7d&m=aaarrr&by=device", period: "free", has_password: false, origins: ["https://intranet.example"] });
  expect(Date.parse(String(listed!.expires_at)) - Date.parse(String(listed!.created_at))).toBe(7 * 86_400_000);
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
});

test("a link with a password is not for another site, and a fixed period is written out", async ({ page, run }) => {
  await open(page, "revenue?p=7d");
  await openDialog(page);
  const dialog = page.getByRole("dialog", { name: "Share Revenue" });
  await dialog.getByRole("radio", { name: /^Only / }).check();
  await dialog.getByLabel("Password, if you want one").fill("plantenbak");
  await dialog.getByText("Show it within another site").click();
  await expect(dialog.getByText("Not with a password:")).toBeVisible();
  await dialog.getByRole("button", { name: "Make the link" }).click();
  await expect(dialog.getByText("Visitors need the password as well.")).toBeVisible();
  const listed = await listedLink(run.site, "revenue", /^p=\d{4}/);
  expect(listed).toMatchObject({ period: "fixed", has_password: true, origins: [] });
  expect(listed!.view).toMatch(/^p=\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d&m=aaarrr$/);
  await dialog.getByRole("link", { name: "All links" }).click();
  await expect(page).toHaveURL(/setup\/share/);
  await expect(dialog).toHaveCount(0);
});

test("links are listed and can be revoked, after a second thought", async ({ page }) => {
  await makeLink(EMPTY_SITE, { page: "today" });
  const { token } = await makeLink(EMPTY_SITE, { page: "revenue", password: "plantenbak" });
  await page.goto(`/app/${EMPTY_SITE}/setup/share`);
  await settled(page);
  const rows = page.getByRole("table").locator("tbody tr");
  await expect(rows).toHaveCount(2);
  const revenue = rows.filter({ hasText: "Revenue" });
  await expect(revenue).toContainText("with a password");
  await expect(revenue).toContainText("never");
  await page.getByRole("button", { name: "Revoke the link to Revenue" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Revoke the link to Revenue" }).click();
  await revenue.getByRole("button", { name: "Revoke" }).click();
  await expect(rows).toHaveCount(1);
  const gone = await page.request.get(`/share/api/${token}`);
  expect(gone.status()).toBe(410);
  await page.goto(`/app/${EMPTY_SITE}/setup/audit`);
  const told = page.getByRole("table", { name: "Who changed what" }).locator("tbody tr");
  await expect(told.filter({ hasText: "Link revoked" })).toContainText("revenue");
});

for (const width of WIDTHS) {
  test(`sharing at ${width} px`, async ({ page, run }) => {
    const looks = width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]];
    await makeLink(run.busy.site);
    await makeLink(run.busy.site, { page: "revenue", view: "p=2026-04-12..2026-05-11", period: "fixed", password: "plantenbak" });
    await makeLink(run.busy.site, { page: "journey", origins: ["https://intranet.example", "https://kamerplanten.example"] });
    await look(page, `/app/${run.busy.site}/setup/share`, width, looks);
  });

  test(`the dialog that makes a link at ${width} px`, async ({ page, run }) => {
    const dialog = { name: "share-dialog", go: async () => {
      await page.locator(".head-tools .ctl.icon-only").click();
      await page.getByRole("menuitem").last().click();
      await page.locator(".share-embed summary").click();
    } };
    await look(page, `/app/${run.site}/today`, width, [width === 360 ? LOOKS[2] : LOOKS[1]], dialog);
  });
}

const visitor = test.extend({ storageState: undefined });

/** The questions that a page asks about its site. */
function questionsOf(page: Page): Set<string> {
  const asked = new Set<string>();
  page.on("request", (request) => {
    const found = /\/v1\/sites\/[^/]+\/([^/?]+)/.exec(request.url());
    if (found) asked.add(found[1]);
  });
  return asked;
}

visitor("whoever has a link sees its page and nothing else", async ({ page, run }) => {
  const { token } = await makeLink(run.site, { page: "today", view: "p=7d&m=aaarrr" });
  const asked = questionsOf(page);
  await page.goto(`/share/${token}`);
  await settled(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Today");
  await expect(page.locator("article.kpi")).toHaveCount(8);
  await expect(page.getByRole("navigation")).toHaveCount(0);
  expect(await page.locator("a[href]").evaluateAll((all) => all.map((each) => each.getAttribute("href")))).toEqual([]);
  await expect(page.getByRole("button", { name: /Last 7 full days/ })).toBeVisible();
  await page.keyboard.press("3"); // thirty days, the interface's own default
  await expect(page).toHaveURL(`${run.address}/share/${token}?p=`);
  await expect(page.getByRole("button", { name: /Last 30 full days/ })).toBeVisible();
  await page.reload();
  await settled(page);
  await expect(page.getByRole("button", { name: /Last 30 full days/ })).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.keyboard.press("g");
  await page.keyboard.press("j");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Today");
  expect([...asked].sort()).toEqual(["funnel", "kpis", "models"]);
  const refused = await page.request.get(`/v1/sites/${run.site}/live`, { headers: { Authorization: `Bearer ${token}` } });
  expect(refused.status()).toBe(403);
});

visitor("a fixed period stays, whatever the address says", async ({ page, run }) => {
  const { token } = await makeLink(run.site, { page: "journey", view: "p=2026-04-12..2026-05-11&m=aaarrr", period: "fixed" });
  await page.goto(`/share/${token}?p=12m&c=year&step=3&state=dropped`);
  await settled(page);
  await expect(page.locator(".fixed-period")).toContainText("12 April – 11 May");
  await page.keyboard.press("2");
  await expect(page.locator(".fixed-period")).toContainText("12 April – 11 May");
  await expect(page.getByRole("complementary")).toHaveCount(0);
});

visitor("a page with a password asks for it", async ({ page, run, guard }) => {
  guard.allow(/\b401\b/);
  const { id, token } = await makeLink(run.site, { page: "revenue", view: "p=30d", password: "plantenbak" });
  await page.goto(`/share/${token}`);
  await page.getByLabel("Password", { exact: true }).fill("kaktus");
  await page.getByRole("button", { name: "Open the page" }).click();
  await expect(page.getByRole("alert")).toHaveText("That password is not right.");
  await page.getByLabel("Password", { exact: true }).fill("plantenbak");
  await page.getByRole("button", { name: "Open the page" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Revenue");
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 }), "the cookie opens it from then on").toHaveText("Revenue");
  await revokeLink(run.site, id);
  guard.allow(/\b410\b/);
  await page.reload();
  await expect(page.getByText("This link no longer works.")).toBeVisible();
});

visitor("a link that is not whole says so in plain words", async ({ page, guard }) => {
  guard.allow(/\b404\b/);
  await page.goto("/share/el_half");
  await expect(page.getByText("There is no page at this address.")).toBeVisible();
});

visitor("an embedded page has no bar of its own, and keeps the prefix of a proxy", async ({ page, run, guard }) => {
  const proxy = await takesOff("/stats", new URL(run.address));
  guard.allow(new RegExp(proxy.address)); // another port than the guard knows
  const { token } = await makeLink(run.site, { page: "referral" });
  await page.goto(`${proxy.address}/stats/embed/${token}`);
  await settled(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Referral");
  await expect(page.locator(".shared-bar")).toHaveCount(0);
  await expect(page.getByText("Your ambassadors"), "people are not shared").toHaveCount(0);
  proxy.stop();
});

visitor("a listed site shows the page within its own, and another does not", async ({ page, run, guard }) => {
  let token = "";
  const host = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(`<!doctype html><title>Intranet</title><link rel="icon" href="data:,"><iframe src="${run.address}/embed/${token}" title="Figures"></iframe>`));
  await new Promise<void>((done) => host.listen(0, "127.0.0.1", done));
  const outside = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
  guard.allow(new RegExp(outside));
  guard.allow(/frame-ancestors|chrome-error:/);
  const figures = page.frameLocator("iframe").getByRole("heading", { level: 1 });
  ({ token } = await makeLink(run.site, { page: "referral", origins: [outside] }));
  await page.goto(outside);
  await expect(figures).toHaveText("Referral");
  ({ token } = await makeLink(run.site, { page: "referral", origins: ["https://intranet.example"] }));
  const refused = page.waitForEvent("console", (message) => /frame-ancestors/.test(message.text()));
  await page.goto(outside);
  await refused;
  await expect(figures).toHaveCount(0);
  host.close();
});

for (const width of WIDTHS) {
  for (const shared of ["today", "journey", "referral"]) {
    visitor(`${shared} as it was shared at ${width} px`, async ({ page, run }) => {
      const fixed = shared === "journey";
      const { token } = await makeLink(run.site, fixed ? { page: shared, view: "p=2026-10-12..2026-11-10&m=aaarrr", period: "fixed" } : { page: shared });
      await look(page, `/share/${token}`, width, width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]], { name: `shared-${shared}`, go: () => settled(page) });
    });
  }
}
