import { ACCOUNT } from "./state";
import { expect, settled, test } from "./test";

test.use({ storageState: undefined });

test("a session that ended leads to signing in, and back to the same address", async ({ page, run, guard }) => {
  guard.allow(/\b401\b/); // what this test is about
  const deep = `/app/${run.site}/journey?p=12w&tab=between`;
  const signIn = async () => {
    await page.getByLabel("E-mail address").fill(ACCOUNT.email);
    await page.getByLabel("Password", { exact: true }).fill(ACCOUNT.password);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  await page.goto(deep);
  await expect(page, "nobody is signed in").toHaveURL(/\/app\/sign-in\?back=/);
  await signIn();
  await expect(page).toHaveURL(run.address + deep);
  await settled(page);

  await page.context().clearCookies();
  await page.getByRole("navigation").first().getByRole("link", { name: "Referral" }).click();
  await expect(page.getByText("Please sign in again.")).toBeVisible();
  await expect(page).toHaveURL(/\/app\/sign-in\?back=/);
  await signIn();
  await expect(page, "back to where the reader was").toHaveURL(new RegExp(`/app/${run.site}/referral\\?p=12w$`));
  await settled(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Referral");
});

test("nobody is led to an address of another host after signing in", async ({ page, run, guard }) => {
  guard.allow(/\b401\b/);
  await page.goto("/app/sign-in?back=//elsewhere.example/app");
  await page.getByLabel("E-mail address").fill(ACCOUNT.email);
  await page.getByLabel("Password", { exact: true }).fill(ACCOUNT.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(`${run.address}/app/${run.site}/today`);
});
