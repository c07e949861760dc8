import { ACCOUNT } from "./state";
import { expect, test } from "./test";

test.use({ storageState: undefined });

test("the welcome link makes the first account, once, and who signs out comes back with the password alone", async ({ page, context, run, guard }) => {
  guard.allow(/\b(401|403)\b/); // nobody is signed in yet
  await page.goto(run.welcome);
  await page.getByLabel("Your name").fill(ACCOUNT.name);
  await page.getByLabel("E-mail address").fill(ACCOUNT.email);
  await page.getByLabel("Password", { exact: true }).fill("kort");
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(page.getByText("This is too short"), "a short password is refused").toBeVisible();
  await page.getByLabel("Password", { exact: true }).fill(ACCOUNT.password);
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(page).toHaveURL(new RegExp(`/app/${run.site}/today$`));
  await expect(page.getByRole("heading", { level: 1, name: "Today" })).toBeVisible();

  await page.getByRole("button", { name: ACCOUNT.name }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();

  const refusals: string[] = [];
  for (const [email, password] of [[ACCOUNT.email, "not the password"], ["nobody@wielewaal.example", ACCOUNT.password]]) {
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(password);
    const answered = page.waitForResponse((response) => response.url().endsWith("/app/api/session") && response.request().method() === "POST");
    await page.getByRole("button", { name: "Sign in" }).click();
    await answered;
    refusals.push(await page.getByRole("alert").innerText());
  }
  expect(refusals, "neither says which of the two was wrong").toEqual(["That combination is not right.", "That combination is not right."]);

  await page.getByLabel("E-mail address").fill(ACCOUNT.email);
  await page.getByLabel("Password", { exact: true }).fill(ACCOUNT.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Today" })).toBeVisible();
  await context.storageState({ path: run.session });

  const again = await page.context().browser()!.newContext();
  const other = await again.newPage();
  await other.goto(run.welcome);
  await other.getByLabel("Your name").fill("Mallory");
  await other.getByLabel("E-mail address").fill("mallory@wielewaal.example");
  await other.getByLabel("Password", { exact: true }).fill("nog een wachtwoord");
  await other.getByRole("button", { name: "Make the account" }).click();
  await expect(other.getByRole("alert"), "the link works once").toBeVisible();
  await again.close();
});
