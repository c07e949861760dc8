import { look, LOOKS, WIDTHS } from "./looks";
import { EMPTY_SITE } from "./start";
import { test } from "./test";

/** The pages of the menu: each in every look. */
const MENU = ["today", "journey", "referral", "revenue", "people", "events", "setup"];

/** What else there is to see: in two looks that differ in everything. */
const MORE = [
  "today?p=12m&c=none",
  "journey?tab=time&p=12w",
  "journey?tab=between",
  "journey?view=table",
  "journey?step=3&state=dropped",
  "journey?m=klantreis",
  "people/klant-0101",
  "events/live",
  "events/meaning",
  "events/refused",
  "events/funnel",
  "setup/you",
];

for (const width of WIDTHS) {
  for (const path of MENU) {
    test(`${path} at ${width} px in both languages, light and dark`, async ({ page, run }) => {
      await look(page, `/app/${run.site}/${path}`, width, LOOKS);
    });
  }
  for (const path of MORE) {
    test(`${path} at ${width} px`, async ({ page, run }) => {
      await look(page, `/app/${run.site}/${path}`, width, [width === 360 ? LOOKS[2] : LOOKS[0]]);
    });
  }
  for (const path of MENU) {
    test(`${path} of a site without events at ${width} px`, async ({ page }) => {
      await look(page, `/app/${EMPTY_SITE}/${path}`, width, [width === 360 ? LOOKS[3] : LOOKS[1]]);
    });
  }
}
