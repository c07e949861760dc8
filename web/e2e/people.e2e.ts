import { look, LOOKS, WIDTHS } from "./looks";
import { standInSearch } from "./stand-ins";
import { expect, open, settled, test } from "./test";

test("people are found by name while somebody types, and asked for once the letters are still", async ({ page }) => {
  const asked = await standInSearch(page);
  await open(page, "people");
  expect(asked, "nothing is asked before somebody types").toEqual([]);
  await page.getByRole("searchbox", { name: "Find a person" }).pressSequentially("sanne", { delay: 30 });
  const rows = page.getByRole("table", { name: "People" }).locator("tbody tr");
  await expect(rows).toHaveCount(2);
  expect(asked).toEqual(["sanne"]);
  await expect(page).toHaveURL(/people\?q=sanne$/);
  await expect(rows.first()).toContainText("Sanne de Vries");
  await expect(rows.first()).toContainText("k…@wielewaal.example");
  await page.reload();
  await settled(page);
  await expect(rows, "the address is the state").toHaveCount(2);
  await page.getByRole("searchbox", { name: "Find a person" }).fill("klant");
  await expect(page.getByText("The first 3. Type more to find fewer.")).toBeVisible();
  await expect(rows.nth(2)).toContainText("Visitor klant-0103");
  await page.getByRole("searchbox", { name: "Find a person" }).fill("nobody");
  await expect(page.getByText("Nobody fits “nobody”.")).toBeVisible();
  await page.getByRole("searchbox", { name: "Find a person" }).fill("klant-0101");
  await rows.first().getByRole("link").click();
  await expect(page).toHaveURL(/people\/klant-0101$/);
});

test("Ctrl K finds people by name, and a question that is overtaken is called off", async ({ page, guard }) => {
  guard.allow(/ERR_ABORTED/);
  const asked = await standInSearch(page, { slowly: 1500 });
  const calledOff: string[] = [];
  page.on("requestfailed", (request) => calledOff.push(request.url()));
  await open(page, "today");
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeFocused();
  await page.keyboard.type("sanne");
  await expect.poll(() => asked).toEqual(["sanne"]);
  await page.keyboard.type(" de");
  const found = page.getByRole("option", { name: "Sanne de Vries" });
  await expect(found).toBeVisible();
  expect(asked).toEqual(["sanne", "sanne de"]);
  expect(calledOff.filter((url) => url.includes("q=sanne&")).length).toBe(1);
  await found.click();
  await expect(page).toHaveURL(/people\/klant-0101$/);
});

for (const width of WIDTHS) {
  test(`people who were found at ${width} px`, async ({ page, run }) => {
    await standInSearch(page);
    await look(page, `/app/${run.site}/people?q=klant`, width, width === 360 ? [LOOKS[3]] : [LOOKS[1]]);
  });
}
