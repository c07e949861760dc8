import { look, LOOKS, WIDTHS } from "./looks";
import { ask, expect, lastThirtyDays, open, settled, test } from "./test";

const shownNumber = (n: number) => new Intl.NumberFormat("en").format(n);

interface Row {
  value: (string | null)[] | null;
  other: boolean;
  steps: { count: number; drop_off: number | null; stage: string }[];
}

test("a figure of a row opens the people of that row, and the address keeps them", async ({ page }) => {
  const { from } = lastThirtyDays();
  const answered = page.waitForResponse((each) => each.url().endsWith("/funnel") && new RegExp(`"from":"${from}".*"breakdown"`).test(each.request().postData() ?? ""));
  await open(page, "journey?by=device");
  const answer = await answered;
  const { breakdown } = (await answer.json()) as { breakdown: Row[] };
  const shown = page.getByRole("table", { name: "Split by Device" }).locator("tbody tr").first();
  const people = shown.getByRole("button").first();
  const number = (await people.innerText()).trim();
  await people.click();
  const panel = page.getByRole("complementary", { name: "People behind this figure" });
  await expect(panel.getByText(/^Device: /)).toBeVisible();
  const of = new URL(page.url()).searchParams.get("of")!;
  const row = breakdown.find((each) => each.value?.[0] === of)!;
  expect(number).toBe(shownNumber(row.steps[0].count));
  const question = answer.request().postDataJSON() as object;
  const listed = await ask<{ total: number }>("actors", { body: { ...question, value: row.value, step: 1, state: "reached" } });
  expect(listed.total, "the API agrees with itself").toBe(row.steps[0].count);
  await expect(panel.locator("footer")).toContainText(`of ${number}`);
  // A share opens those who stopped before that stage.
  await shown.getByRole("button").nth(1).click();
  await expect(page).toHaveURL(/state=dropped/);
  const step = Number(new URL(page.url()).searchParams.get("step"));
  await expect(panel.locator("footer")).toContainText(`of ${shownNumber(row.steps[step - 1].drop_off!)}`);
  await page.reload();
  await settled(page);
  await expect(panel.getByText(/^Device: /)).toBeVisible();
  await page.getByLabel("Split by", { exact: true }).selectOption("channel");
  await expect(panel, "a row of another split is none of this one").toHaveCount(0);
  await expect(page).not.toHaveURL(/of=/);
});

test("the people of the other rows are those that no listed row has", async ({ page }) => {
  await page.route("**/funnel", async (route) => {
    const body = route.request().postDataJSON() as { breakdown?: { limit: number } };
    if (body.breakdown) body.breakdown.limit = 1;
    await route.continue({ postData: JSON.stringify(body) });
  });
  await open(page, "journey");
  const other = page.getByRole("table", { name: "Split by Channel" }).locator("tbody tr").filter({ hasText: "Other" });
  const people = (await other.getByRole("button").first().innerText()).trim();
  await other.getByRole("button").first().click();
  const panel = page.getByRole("complementary", { name: "People behind this figure" });
  await expect(panel.getByText("Channel: Other")).toBeVisible();
  await expect(panel.locator("footer")).toContainText(`of ${people}`);
});

for (const width of WIDTHS) {
  test(`the people of a row at ${width} px`, async ({ page, run }) => {
    const open = async () => {
      await page.getByRole("table").last().locator("tbody tr").first().getByRole("button").first().click();
      await settled(page);
    };
    await look(page, `/app/${run.site}/journey`, width, width === 360 ? [LOOKS[2]] : [LOOKS[0], LOOKS[1]], { name: "split-people", go: open });
  });
}
