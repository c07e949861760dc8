import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Etappe } from "./etappe";
import { CLIENT, provider, type IdentityProvider } from "./identity-provider";
import { expect, settled, test } from "./test";

const EMAIL = "noor@wielewaal.example";

async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return `127.0.0.1:${port}`;
}

/** An Etappe of its own: with a provider, every sign-in page has a button more. */
const visitor = test.extend<{ baseURL: string; site: string }, { house: { etappe: Etappe; provider: IdentityProvider } }>({
  house: [
    async ({}, use) => {
      const folder = mkdtempSync(join(tmpdir(), "etappe-e2e-"));
      const house = await provider(EMAIL);
      const listen = await freeAddress();
      const settings = { ETAPPE_WEB__PUBLIC_URL: `http://${listen}/`, ETAPPE_OIDC__ISSUER: house.issuer, ETAPPE_OIDC__CLIENT_ID: CLIENT.id, ETAPPE_OIDC__CLIENT_SECRET: CLIENT.secret, ETAPPE_OIDC__NAME: "Wielewaal" };
      const etappe = await Etappe.start(join(folder, "data"), settings, listen);
      await etappe.command("users", "add", EMAIL, "--name", "Noor", "--role", "viewer");
      await use({ etappe, provider: house });
      house.stop();
      await etappe.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
    },
    { scope: "worker" },
  ],
  baseURL: async ({ house }, use) => use(house.etappe.address),
  site: async ({ house }, use) => use(house.etappe.greeting.site),
  storageState: async ({}, use) => use(undefined),
});

visitor("with a provider of another site one is signed in, and back at the page one wanted", async ({ page, context, site, house, guard }) => {
  guard.allow(/\b401\b/); // nobody is signed in yet
  guard.allow(/request to another host: http:\/\/localhost:/); // the provider
  house.provider.email = EMAIL;
  const deep = `/app/${site}/journey?p=12w&tab=between`;
  await page.goto(deep);
  await page.getByRole("link", { name: "Sign in with Wielewaal" }).click();
  await expect(page.getByRole("heading", { name: "Provider" })).toBeVisible();
  await page.getByRole("link", { name: "Continue" }).click();
  await expect(page).toHaveURL(house.etappe.address + deep);
  await settled(page);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  const cookies = await context.cookies();
  expect(cookies.filter(({ domain }) => domain === "127.0.0.1").map(({ name, sameSite, httpOnly }) => ({ name, sameSite, httpOnly }))).toEqual([{ name: "etappe_session", sameSite: "Strict", httpOnly: true }]);
  await page.reload();
  await settled(page);
  await expect(page.getByRole("button", { name: "Noor" })).toBeVisible();
});

visitor("who calls it off or has no account reads why, and can try again", async ({ page, house, guard }) => {
  guard.allow(/\b401\b/);
  guard.allow(/request to another host: http:\/\/localhost:/);
  house.provider.email = "nobody@wielewaal.example";
  const signIn = page.getByRole("link", { name: "Sign in with Wielewaal" });
  await page.goto("/app/sign-in");
  await signIn.click();
  await page.getByRole("link", { name: "Cancel" }).click();
  await expect(page.getByRole("alert")).toHaveText("Signing in was called off.");
  await signIn.click();
  await page.getByRole("link", { name: "Continue" }).click();
  await expect(page.getByRole("alert")).toContainText("Nobody here has an account with that address");
  await expect(page.getByLabel("Password", { exact: true }), "a password still does").toBeVisible();
});
