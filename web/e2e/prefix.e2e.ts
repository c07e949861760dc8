import { takesOff } from "./proxy";
import { expect, settled, test } from "./test";

const PREFIX = "/stats";

const behindProxy = test.extend<{ outside: string }>({
  outside: async ({ run }, use) => {
    const proxy = await takesOff(PREFIX, new URL(run.address));
    await use(proxy.address);
    proxy.stop();
  },
  baseURL: async ({ outside }, use) => use(outside),
});

behindProxy("behind a prefix that a proxy takes off, the pages work", async ({ page, run, outside }) => {
  for (const path of ["today", "journey?p=7d", "people/klant-0101", "events/funnel"]) {
    await page.goto(`${outside}${PREFIX}/app/${run.site}/${path}`);
    await settled(page);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.locator(".failed")).toHaveCount(0);
  }
  await page.getByRole("navigation").first().getByRole("link", { name: "Revenue" }).click();
  await expect(page).toHaveURL(new RegExp(`^${outside}${PREFIX}/app/${run.site}/revenue`));
  await settled(page);
  await expect(page.locator(".kpi-value").first()).toBeVisible();
  await page.reload();
  await settled(page);
  await expect(page.locator(".kpi-value").first()).toBeVisible();
  await page.goto(`${outside}${PREFIX}/app/`);
  await expect(page).toHaveURL(`${outside}${PREFIX}/app/${run.site}/today`);
});
