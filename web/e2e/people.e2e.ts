import { look, LOOKS, WIDTHS } from "./looks";
import { ask, expect, open, settled, test } from "./test";

interface Found {
  people: { actor: string; name: string | null; email_hint: string | null }[];
  more: boolean;
}

test("people are found by name while somebody types, and asked for once the letters are still", async ({ page }) => {
  const { people } = await ask<Found>("actors?q=wielewaal&limit=50");
  const [first] = people;
  const given = first.name!.split(" ")[0];
  const asked: string[] = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    // The names of those who brought others are looked up with another limit.
    if (url.pathname.endsWith("/actors") && url.searchParams.get("limit") === "20") asked.push(url.searchParams.get("q") ?? "");
  });
  await open(page, "people");
  expect(asked, "nothing is asked before somebody types").toEqual([]);
  const box = page.getByRole("searchbox", { name: "Find a person" });
  await box.pressSequentially(given.toLowerCase(), { delay: 30 });
  const rows = page.getByRole("table", { name: "People" }).locator("tbody tr");
  await expect(rows.first()).toContainText(given);
  expect(asked).toEqual([given.toLowerCase()]);
  await expect(page).toHaveURL(new RegExp(`people\\?q=${given.toLowerCase()}$`));
  const found = await ask<Found>(`actors?q=${given.toLowerCase()}&limit=20`);
  await expect(rows).toHaveCount(found.people.length);
  await expect(rows.first()).toContainText(found.people[0].email_hint!);
  await page.reload();
  await settled(page);
  await expect(rows, "the address is the state").toHaveCount(found.people.length);
  await box.fill("klant");
  await expect(page.getByText(/^The first \d+\. Type more to find fewer\.$/)).toBeVisible();
  await box.fill("nobody at all");
  await expect(page.getByText("Nobody fits “nobody at all”.")).toBeVisible();
  await box.fill(first.actor);
  await rows.first().getByRole("link").click();
  await expect(page).toHaveURL(new RegExp(`people/${first.actor}$`));
});

test("Ctrl K finds people by name, and a question that is overtaken is called off", async ({ page, guard }) => {
  guard.allow(/ERR_ABORTED/);
  const { people } = await ask<Found>("actors?q=wielewaal&limit=1");
  const [given, ...rest] = people[0].name!.split(" ");
  await page.route("**/actors?*", async (route) => {
    await new Promise((done) => setTimeout(done, 1200));
    await route.continue().catch(() => undefined); // called off meanwhile
  });
  const calledOff: string[] = [];
  page.on("requestfailed", (request) => calledOff.push(request.url()));
  const asked: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/actors?")) asked.push(new URL(request.url()).searchParams.get("q")!);
  });
  await open(page, "today");
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeFocused();
  await page.keyboard.type(given);
  await expect.poll(() => asked).toEqual([given]);
  await page.keyboard.type(` ${rest.join(" ")}`);
  const option = page.getByRole("option").filter({ hasText: people[0].name!, hasNotText: "Everybody who fits" }).first();
  await expect(option).toBeVisible();
  expect(asked).toEqual([given, people[0].name]);
  expect(calledOff.filter((url) => url.includes("/actors?")).length).toBe(1);
  await option.click();
  await expect(page).toHaveURL(/people\/klant-\d+$/);
});

for (const width of WIDTHS) {
  test(`people who were found at ${width} px`, async ({ page, run }) => {
    await look(page, `/app/${run.site}/people?q=klant`, width, width === 360 ? [LOOKS[3]] : [LOOKS[1]]);
  });
}
