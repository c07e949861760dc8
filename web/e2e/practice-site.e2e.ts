import type { Page } from "@playwright/test";
import { makeLink } from "./links";
import { inLooks, take, WIDTHS, type Look } from "./looks";
import { ask, expect, lastThirtyDays, settled, test } from "./test";
import { state } from "./state";
import { expectDurations, expectFigures } from "./written";

/** A page as it is looked at: in one language, wide or on a phone. */
interface Seen {
  page: Page;
  language: Look["language"];
  wide: boolean;
}

interface Kpi {
  id: string;
  value: number;
  previous: number | null;
  interval: [number, number] | null;
  unit: string;
}

interface Leak {
  actors: number;
  reached: number;
  rate: number;
  best_rate: number;
  stage: string;
  worth: { customers: number; revenue: number };
  where: { value: string; rate: number; best_rate: number };
}

interface Step {
  gate: boolean;
  count: number;
  skipped: number;
  open: number;
  step_rate: number | null;
  step_rate_closed: number | null;
  overall_rate: number | null;
  drop_off: number | null;
  step_rate_interval: [number, number] | null;
  time_from_previous: { p50_s: number | null; p90_s: number | null };
}

interface Funnel {
  entered: number;
  steps: Step[];
  breakdown?: { other: boolean; steps: Step[] }[];
  trend?: { steps: Step[] }[];
}

const api = <T>(path: string, body?: unknown) => ask<T>(path, { body, of: state().practice! });

const { from, to } = lastThirtyDays();
const earlier = { from: new Date(Date.parse(from) - 30 * 86_400_000).toISOString().slice(0, 10), to: from };
const journey = { model: "aaarrr", from, to, window: "30d" };

const kpis = () => api<{ kpis: Kpi[]; biggest_leak: Leak }>(`kpis?from=${from}&to=${to}&model=aaarrr`);

/** As it is shown: shares in percent, people per hundred customers. */
function shown({ unit }: Kpi, value: number): number {
  return unit === "share" || unit === "actors_per_customer" ? value * 100 : value;
}

/** Cards of figures, in this order, each with its earlier value and its interval. */
async function cardsAre({ page, language, wide }: Seen, answered: Kpi[], ids: string[]): Promise<void> {
  const cards = page.locator("article.kpi");
  for (const [index, id] of ids.entries()) {
    const kpi = answered.find((each) => each.id === id)!;
    const card = cards.nth(index);
    if (kpi.unit === "seconds") {
      await expectDurations(card.locator(".kpi-value"), [kpi.value], id);
      continue;
    }
    await expectFigures(card.locator(".kpi-value"), language, [shown(kpi, kpi.value)], id);
    await expectFigures(card.locator(".change-was"), language, kpi.previous == null ? [] : [shown(kpi, kpi.previous)], `${id} before`);
    // Beside it stands how many answers the NPS has.
    if (kpi.unit === "share" && wide) await expectFigures(card.locator(".kpi-interval"), language, kpi.interval!.map((end) => end * 100), `${id}, where it surely lies`);
  }
}

async function todayIs(seen: Seen): Promise<void> {
  const { page, language } = seen;
  const answer = await kpis();
  const leak = answer.biggest_leak;
  await cardsAre(seen, answer.kpis, ["customers", "revenue", "purchases_per_customer", "referrals_per_customer", "activation_rate", "retention_rate", "repeat_rate", "nps"]);
  const value = (id: string) => answer.kpis.find((kpi) => kpi.id === id)!.value;
  await expectFigures(page.locator(".just-counts b"), language, [value("visitors"), value("signups")], "just counts");
  expect(leak.stage, "telephones cannot pay any more").toBe("revenue");
  await expectFigures(page.locator(".leak-sentence"), language, [100, leak.rate * 100, leak.best_rate * 100], "the leak");
  await expectFigures(page.locator(".leak-worth"), language, [leak.worth.customers, leak.worth.revenue].map((each) => Number(each.toPrecision(2))), "what it is worth");
  await expectFigures(page.locator(".leak-advice"), language, [leak.where.best_rate * 100, leak.where.rate * 100, 100], "where it fell most");
  const now = Math.round(leak.rate * 100);
  const lost = Math.round(leak.best_rate * 100) - now;
  await expectFigures(page.locator(".hundred-legend b"), language, [now, lost, 100 - now - lost], "the hundred");
  await expectFigures(page.locator(".card:has(.leak) .truth-facts li").last(), language, [leak.actors, leak.reached], "who came and went on");
  await expectFigures(page.locator(".line-count"), language, (await api<Funnel>("funnel", journey)).steps.map((step) => step.count), "the journey in one line");
}

async function todayWithNewsIs(seen: Seen): Promise<void> {
  await todayIs(seen);
  interface Changes {
    changes: { value: number; low: number; high: number }[];
    new_names: { events: number }[];
    late: { events: number };
  }
  const { changes, new_names: names, late } = await api<Changes>("changes");
  const lines = seen.page.locator("ul.since-lines li");
  await expect(lines).toHaveCount(Math.min(changes.length + names.length + (late.events >= 10 ? 1 : 0), 5));
  for (const [index, { value, low, high }] of changes.entries()) await expectFigures(lines.nth(index), seen.language, [value, low, high], "what was unusual yesterday");
}

const gates = (steps: Step[]) => steps.filter((step) => step.gate);

async function drawnAre({ page, language, wide }: Seen, { steps }: Funnel): Promise<void> {
  const share = (step: Step, index: number) => (index ? [step.overall_rate! * 100] : []);
  if (!wide) return expectFigures(page.locator(".srow-count"), language, steps.flatMap((step) => [step.count, step.overall_rate! * 100]), "the steps");
  await expectFigures(page.locator(".river-count"), language, steps.flatMap((step, index) => [step.count, ...share(step, index)]), "the drawing");
  await expectFigures(page.locator(".river-gap b"), language, gates(steps).slice(1).map((step) => step.step_rate! * 100), "who go on");
  const stay = (step: Step) => [...(step.open === 0 || step.open < step.drop_off! ? [step.drop_off!] : []), ...(step.open ? [step.open] : [])];
  await expectFigures(page.locator(".river-gap > span"), language, gates(steps).slice(1).flatMap(stay), "who do not");
}

async function stepTableIs({ page, language }: Seen, { steps }: Funnel, before: Funnel): Promise<void> {
  const rows = page.locator(".only-wide table tbody tr");
  for (const [index, step] of steps.entries()) {
    const cell = (at: number) => rows.nth(index).locator("td").nth(at);
    const passed = step.gate && index > 0;
    const closed = step.open > 0 && step.step_rate_closed != null && step.drop_off! > step.open ? [step.step_rate_closed * 100] : [];
    const was = before.steps[index].count;
    await expectFigures(cell(0), language, [step.count], "people");
    await expectFigures(cell(1), language, passed ? [step.step_rate! * 100, ...(step.step_rate_interval ?? []).map((end) => end * 100)] : [], "of the step before");
    await expectFigures(cell(2), language, [step.overall_rate! * 100], "of everyone");
    await expectFigures(cell(3), language, passed ? [step.drop_off!] : [], "not further");
    await expectFigures(cell(4), language, passed && step.open > 0 ? [step.open, ...closed] : [], "may still come");
    await expectFigures(cell(5), language, step.gate ? [step.skipped] : [], "skipped");
    if (index > 0 && step.time_from_previous.p50_s) await expectDurations(cell(6), [step.time_from_previous.p50_s], "the usual time");
    await expectFigures(cell(7), language, [Math.abs(Math.round(((step.count - was) / was) * 100))], "against before");
  }
}

async function journeyIs(seen: Seen): Promise<void> {
  const { page, language, wide } = seen;
  const funnel = await api<Funnel>("funnel", journey);
  const last = gates(funnel.steps).at(-1)!;
  await expectFigures(page.locator(".journey-sentence"), language, [100, last.overall_rate! * 100], "the sentence");
  await drawnAre(seen, funnel);
  if (wide) await stepTableIs(seen, funnel, await api<Funnel>("funnel", { ...journey, ...earlier }));
  const { breakdown } = await api<Funnel>("funnel", { ...journey, breakdown: { by: ["channel"], step: 2, limit: 12 } });
  const table = page.locator("table").last();
  const came = (await table.locator("tbody tr td:nth-of-type(1)").allInnerTexts()).map((text) => Number(text.replace(/\D/g, "")));
  const counts = breakdown!.map((row) => row.steps[0].count);
  const ascending = (all: number[]) => [...all].sort((a, b) => a - b);
  expect(ascending(came), "people by channel").toEqual(ascending(counts));
  expect(came.reduce((sum, each) => sum + each, 0), "the rows add up").toBe(funnel.entered);
  const through = (row: { steps: Step[] }) => row.steps[funnel.steps.indexOf(last)].overall_rate! * 100;
  for (const [index, count] of came.entries()) {
    if (count < 30 || counts.filter((each) => each === count).length > 1) continue;
    await expectFigures(table.locator("tbody tr").nth(index).locator("td").nth(3), language, [through(breakdown![counts.indexOf(count)])], "of a hundred of a channel");
  }
}

async function panelIs({ page, language }: Seen): Promise<void> {
  const { steps } = await api<Funnel>("funnel", journey);
  const payment = steps[4];
  const people = await api<{ total: number; people: unknown[]; last_events: { count: number }[]; other_last_events: number; sample?: number }>("actors", { ...journey, step: 5, state: "dropped" });
  const panel = page.locator(".panel");
  expect(people.total).toBe(payment.drop_off);
  await expectFigures(panel.locator("h2"), language, [people.total], "the title");
  await expectFigures(panel.getByRole("radio"), language, [payment.drop_off!, payment.open, payment.count], "who stopped, may come, went on");
  const last = [...people.last_events.map((each) => each.count), ...(people.other_last_events ? [people.other_last_events] : [])];
  const shares = last.map((times) => (times / (people.sample ?? people.total)) * 100);
  await expectFigures(panel.locator(".did-last li > b"), language, shares, "what they did last");
  const listed = await panel.locator(".person-row").count();
  await expectFigures(panel.locator(".panel-foot > span"), language, [listed, people.total], "how many are listed");
}

async function overTimeIs({ page, language }: Seen): Promise<void> {
  const { trend } = await api<Funnel>("funnel", { ...journey, trend: "day" });
  expect(trend!.length).toBe(30);
  const row = (steps: Step[]) => [steps[0].count, ...gates(steps).slice(1).flatMap((step) => (step.overall_rate == null ? [] : [step.overall_rate * 100]))];
  await expectFigures(page.locator("table").first().locator("tbody td"), language, trend!.flatMap(({ steps }) => row(steps)), "day by day");
}

async function betweenIs({ page }: Seen): Promise<void> {
  const { steps } = await api<Funnel>("funnel", journey);
  const times = gates(steps).slice(1).flatMap(({ time_from_previous: { p50_s: half, p90_s: most } }) => (half ? [half, most!] : []));
  await expectDurations(page.locator(".between-figures"), times, "the time between steps");
}

async function referralIs(seen: Seen): Promise<void> {
  const { page, language, wide } = seen;
  const answer = await kpis();
  interface Referrals {
    invitations: number;
    inviters: number;
    converted: number;
    referred: number;
    referred_activated: number;
    generations: { actors: number }[];
    advocates: { actor: string; name: string | null; referred: number }[];
  }
  const data = await api<Referrals>(`referrals?from=${from}&to=${to}`);
  const per = answer.kpis.find((kpi) => kpi.id === "referrals_per_customer")!;
  await expectFigures(page.locator(".lead-card .lead"), language, [100, per.value * 100, per.previous! * 100], "what a hundred bring");
  await expectFigures(page.locator(".lead-2"), language, [data.inviters, data.invitations], "invitations");
  await cardsAre(seen, answer.kpis, ["referrals_per_customer", "k_factor", "viral_cycle_time_s"]);
  await expectFigures(page.locator("article.kpi").nth(3).locator(".kpi-value"), language, [(data.converted / data.invitations) * 100], "invitations that work");
  const rounds = [data.inviters, ...data.generations.map((each) => each.actors)].slice(0, 6);
  await expectFigures(page.locator(wide ? ".rounds-count" : ".rounds-bars b"), language, rounds, "the rounds");
  await expectFigures(page.locator("table tbody td"), language, data.advocates.slice(0, 5).map((each) => each.referred), "the ambassadors");
  const [first] = data.advocates;
  await expect(page.locator("table tbody tr").first()).toContainText(first.name!);
  await expectFigures(page.locator(".chain li > b"), language, [data.invitations, data.converted, data.referred, data.referred_activated], "what becomes of an invitation");
  await expectFigures(page.locator(".chain-share"), language, [1, data.converted / data.invitations, data.referred_activated / data.referred].map((share) => share * 100), "its shares");
}

async function revenueIs(seen: Seen): Promise<void> {
  const answer = await kpis();
  const value = (id: string) => answer.kpis.find((kpi) => kpi.id === id)!.value;
  await expectFigures(seen.page.locator(".revenue-lead"), seen.language, [value("purchases_per_customer"), value("revenue_per_customer"), value("repeat_rate") * 100, 100], "the sentence");
  await cardsAre(seen, answer.kpis, ["orders", "customers", "purchases_per_customer", "repeat_rate", "revenue", "average_order_value", "revenue_per_customer", "lifetime_value"]);
}

async function foundAre({ page }: Seen): Promise<void> {
  const { people } = await api<{ people: { name: string }[] }>("actors?q=anna&limit=20");
  const rows = page.locator("table tbody tr");
  await expect(rows).toHaveCount(people.length);
  for (const [index, { name }] of people.entries()) await expect(rows.nth(index)).toContainText(name);
}

const ambassador = async () => (await api<{ advocates: { actor: string }[] }>(`referrals?from=${from}&to=${to}`)).advocates[0].actor;

async function personIs({ page, language }: Seen): Promise<void> {
  const { events, next } = await api<{ events: unknown[]; next: string | null }>(`actors/${await ambassador()}?limit=1000`);
  expect(next).toBeNull();
  await expectFigures(page.locator(".facts dd").first(), language, [events.length], "what a person did");
  await expectFigures(page.locator(".seg").getByRole("radio").last(), language, [events.length], "everything");
}

async function namesAre({ page, language }: Seen): Promise<void> {
  const tomorrow = new Date(Date.parse(to) + 86_400_000).toISOString().slice(0, 10);
  const { events, names } = await api<{ events: number; names: { name: string; events: number }[] }>(`unmapped?from=${from}&to=${tomorrow}&limit=100`);
  expect(names.map((each) => each.name), "the shop sends one that nobody knows").toEqual(["Gift Wrap Chosen"]);
  await expectFigures(page.locator(".names li b"), language, names.map((each) => each.events), "how often each came in");
  await expectFigures(page.locator(".names-note"), language, [events], "all together");
}

async function builtIs({ page, language }: Seen): Promise<void> {
  const steps = ["content_view", "add_to_cart", "purchase"].map((milestone) => ({ milestone }));
  const built = await api<Funnel>("funnel", { steps, from, to, window: "30d", order: "ordered" });
  await expectFigures(page.locator(".builder-answer .lead"), language, [100, built.steps[2].overall_rate! * 100], "the sentence");
  await expectFigures(page.locator(".srow-count"), language, built.steps.flatMap((step) => [step.count, step.overall_rate! * 100]), "the steps");
}

interface Place {
  path: string | (() => Promise<string>);
  name?: string;
  is?: (seen: Seen) => Promise<void>;
}

const own = (path: string) => `/app/${state().practice!.site}/${path}`;

/** Parts of the site, each visited in one browser. */
const PARTS: Record<string, Place[]> = {
  "figures and their people": [
    { path: "today", is: todayWithNewsIs },
    { path: "journey", is: journeyIs },
    { path: "journey?step=5&state=dropped", is: panelIs },
    { path: "journey?tab=time&view=table", is: overTimeIs },
    { path: "journey?tab=between", is: betweenIs },
  ],
  "referral, revenue and people": [
    { path: "referral", is: referralIs },
    { path: "revenue", is: revenueIs },
    { path: "people?q=anna", is: foundAre },
    { name: "person", path: async () => `people/${await ambassador()}`, is: personIs },
    { name: "shared", path: async () => `/share/${(await makeLink(state().practice!.site)).token}`, is: todayIs },
  ],
  "events and set-up": [
    { path: "events/live" },
    { path: "events/meaning", is: namesAre },
    { path: "events/refused" },
    { path: "events/funnel", is: builtIs },
    { path: "setup" },
    { path: "setup/share" },
    { path: "setup/you" },
  ],
};

async function visit(page: Page, places: Place[], width: number, language: Look["language"]): Promise<string[]> {
  const wide = width >= 760;
  // Each look once; the shop's pages are looked at in all of them.
  const theme = (language === "en") === wide ? "light" : "dark";
  await page.setViewportSize({ width, height: wide ? 900 : 780 });
  await take(page, { language, theme });
  const faults: string[] = [];
  for (const { path, name, is } of places) {
    const found = typeof path === "string" ? path : await path();
    const called = name ?? found;
    await page.goto(found.startsWith("/") ? found : own(found));
    await settled(page);
    await test.step(called, async () => {
      await is?.({ page, language, wide });
      const wrong = await inLooks(page, `practice-${called.replace(/[^\w-]+/g, "-")}`, [{ language, theme }]);
      faults.push(...wrong.map((fault) => `${called}: ${fault}`));
    });
  }
  return faults;
}

for (const [part, places] of Object.entries(PARTS)) {
  for (const width of WIDTHS) {
    for (const language of ["en", "nl"] as const) {
      test(`the practice site at ${width} px, in ${language}: ${part}`, async ({ page }) => {
        expect(await visit(page, places, width, language), "what a designer would see at a glance").toEqual([]);
      });
    }
  }
}
