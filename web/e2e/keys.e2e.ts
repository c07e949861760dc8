import { createHash } from "node:crypto";
import type { Page } from "@playwright/test";
import { look, LOOKS, WIDTHS } from "./looks";
import { ACCOUNT } from "./state";
import { expect, settled, test } from "./test";

/** Sends an event with a key, and returns the status. */
async function sendWith(page: Page, key: string): Promise<number> {
  const headers = { authorization: `Basic ${Buffer.from(`${key}:`).toString("base64")}` };
  const answer = await page.request.post("/v1/track", { headers, data: { event: "Signed Up", userId: "keys", messageId: `keys-${key}` } });
  return answer.status();
}

test("an admin makes a write key, which is in the code and taken at once", async ({ page, run }) => {
  await page.goto(`/app/${run.busy.site}/setup`);
  await settled(page);
  const code = page.getByLabel("Send events from your site");
  await expect(code).toContainText("YOUR_WRITE_KEY");
  await page.getByRole("button", { name: "Make a key" }).click();
  const made = page.getByLabel("Key", { exact: true });
  await expect(page.getByText("Copy it now: it is shown only once.")).toBeVisible();
  const key = (await made.innerText()).trim();
  expect(key).toMatch(/^ew_\w{32}$/);
  await expect(code).toContainText(key);
  expect(await sendWith(page, key)).toBe(200);
  // A server needs a key of its own.
  await page.getByRole("radio", { name: "My server" }).click();
  await expect(code).toContainText("YOUR_WRITE_KEY");
  await page.reload();
  await settled(page);
  await expect(code).toContainText("YOUR_WRITE_KEY");
  await expect(page.locator("body")).not.toContainText(key);
  await page.getByRole("link", { name: "Who changed what" }).click();
  const told = page.getByRole("table", { name: "Who changed what" }).locator("tbody tr").filter({ hasText: "Key made" });
  // Other tests make keys of other kinds at the same time.
  await expect(told.filter({ hasText: /browser [0-9a-f]{12}/ }).first()).toBeVisible();
  await expect(page.locator("body")).not.toContainText(key);
});

test("keys are listed and can be revoked, after a second thought", async ({ page, run }) => {
  await page.goto(`/app/${run.busy.site}/setup/keys`);
  await settled(page);
  const rows = page.getByRole("table", { name: "Keys of this site" }).locator("tbody tr");
  await page.getByLabel("What for").selectOption("server");
  await page.getByRole("button", { name: "Make a key" }).click();
  const key = (await page.getByLabel("Key", { exact: true }).innerText()).trim();
  // Other tests make keys of the same site.
  const digits = createHash("sha256").update(key).digest("hex").slice(0, 12);
  const row = rows.filter({ hasText: digits });
  await expect(row).toContainText("A server");
  await expect(row).toContainText(ACCOUNT.email);
  expect(await sendWith(page, key)).toBe(200);
  const revoke = page.getByRole("button", { name: `Revoke the key ${digits} (A server)` });
  await revoke.click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await revoke.click();
  await row.getByRole("button", { name: "Revoke" }).click();
  await expect(row).toHaveCount(0);
  expect(await sendWith(page, key)).toBe(401);
});

test("an editor pastes a key and makes none", async ({ page, run }) => {
  await page.route("**/app/api/session", async (route) => {
    const answer = await route.fetch();
    const session = (await answer.json()) as { sites: { role: string }[] };
    for (const each of session.sites) each.role = "editor";
    await route.fulfill({ response: answer, json: session });
  });
  await page.goto(`/app/${run.busy.site}/setup`);
  await settled(page);
  await expect(page.getByText("An admin of this site makes another on this page.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Make a key" })).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Keys" })).toHaveCount(0);
  await page.getByLabel("A write key you have already").fill("ew_mine");
  await expect(page.getByLabel("Send events from your site")).toContainText("ew_mine");
});

for (const width of WIDTHS) {
  test(`a new key at ${width} px`, async ({ page, run }) => {
    const looks = width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]];
    const make = async () => {
      await page.getByRole("button", { name: /^(Make a key|Maak een sleutel)$/ }).click();
      await expect(page.locator(".made-key")).toBeVisible();
    };
    await look(page, `/app/${run.busy.site}/setup`, width, looks, { name: "setup-key", go: make });
    await look(page, `/app/${run.busy.site}/setup/keys`, width, looks, { name: "setup-keys", go: make });
  });
}
