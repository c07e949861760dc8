import { look, LOOKS, WIDTHS } from "./looks";
import { standInFor } from "./stand-ins";
import { ACCOUNT } from "./state";
import { expect, open, test } from "./test";

test("an admin sees who changed what", async ({ page }) => {
  await open(page, "setup");
  await page.getByRole("link", { name: "Who changed what" }).click();
  const rows = page.getByRole("table", { name: "Who changed what" }).locator("tbody tr");
  const settings = rows.filter({ hasText: "Settings changed" });
  await expect(settings.first()).toContainText("command line");
  await expect(rows.filter({ hasText: "First account made" })).toContainText(ACCOUNT.email);
});

for (const width of WIDTHS) {
  test(`who changed what at ${width} px`, async ({ page, run }) => {
    await look(page, `/app/${run.site}/setup/audit`, width, width === 360 ? [LOOKS[2]] : [LOOKS[0]]);
  });
}

const visitor = test.extend({ storageState: undefined });

visitor("signing in with another account is offered where there is one, and comes back", async ({ page, run, guard }) => {
  guard.allow(/\b401\b/);
  await standInFor(page, "/app/api/sign-in-ways", () => ({ json: { password: true, oidc: { name: "Google" } } }));
  await page.goto(`/app/${run.site}/journey?p=7d`);
  const button = page.getByRole("link", { name: "Sign in with Google" });
  await expect(button).toHaveAttribute("href", `/app/api/oidc/start?return=${encodeURIComponent(`/app/${run.site}/journey?p=7d`)}`);
  let asked = "";
  await page.route("**/app/api/oidc/start?*", (route) => ((asked = route.request().url()), route.fulfill({ contentType: "text/html", body: "<h1>The other house</h1>" })));
  await button.click();
  await expect(page.getByRole("heading", { name: "The other house" }), "it is no page of the interface").toBeVisible();
  expect(new URL(asked).searchParams.get("return")).toBe(`/app/${run.site}/journey?p=7d`);
});

visitor("signing in elsewhere that failed says why", async ({ page, guard }) => {
  guard.allow(/\b401\b/);
  await standInFor(page, "/app/api/sign-in-ways", () => ({ json: { password: false, oidc: { name: "Google" } } }));
  await page.goto("/app/sign-in?reason=unverified");
  await expect(page.getByRole("alert")).toContainText("is not verified");
  await expect(page.getByLabel("Password", { exact: true })).toHaveCount(0);
});

for (const width of WIDTHS) {
  visitor(`signing in with another account at ${width} px`, async ({ page, guard }) => {
    guard.allow(/\b401\b/);
    await standInFor(page, "/app/api/sign-in-ways", () => ({ json: { password: true, oidc: { name: "Google" } } }));
    await look(page, "/app/sign-in", width, [width === 360 ? LOOKS[2] : LOOKS[0]], { name: "sign-in", go: () => expect(page.locator(".sign-or")).toBeVisible() });
  });
}
