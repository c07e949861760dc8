import { describe, expect, it } from "vitest";
import { compare } from "./change";
import { addMonths, dayOf, formatDay, formatMonth, formatRange, isDay, weekday } from "./dates";
import { formatDuration, formatSpan } from "./durations";
import { formatMoney, formatMoneyEstimate } from "./money";
import { formatAxis, formatCount, formatEstimate, formatInterval, formatRatio, formatScore, formatShare, ofPeople } from "./numbers";

/** No-break spaces look like spaces to a reader. */
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

describe("numbers", () => {
  it("groups thousands as the language does", () => {
    expect(formatCount("en", 21480)).toBe("21,480");
    expect(formatCount("nl", 21480)).toBe("21.480");
    expect(formatCount("en", null)).toBe("–");
    expect(formatAxis("en", 12000)).toBe("12K");
    expect(formatAxis("nl", 12000)).toBe("12K");
  });

  it("tells shares with one decimal where that means something", () => {
    expect(formatShare("en", 0.14)).toBe("14.0%");
    expect(formatShare("nl", 0.14)).toBe("14,0%");
    expect(formatShare("en", 1)).toBe("100%");
    expect(formatShare("en", 0)).toBe("0%");
    expect(formatShare("en", 0.0004)).toBe("<0.1%");
    expect(formatShare("en", 0.412, [0.384, 0.44])).toBe("41%");
    expect(formatShare("en", 0.186, [0.175, 0.198])).toBe("18.6%");
    expect(formatInterval("nl", [0.175, 0.198])).toBe("17,5–19,8%");
  });

  it("writes minus signs, not hyphens", () => {
    expect(formatScore("en", -12)).toBe("−12");
    expect(formatScore("nl", 46)).toBe("+46");
    expect(plain(formatMoney("nl", -5, "EUR"))).toBe("€ −5,00");
  });

  it("rounds estimates to two digits", () => {
    expect(formatEstimate("en", 203)).toBe("200");
    expect(plain(formatMoneyEstimate("nl", 13_820, "EUR"))).toBe("€ 14.000");
    expect(formatRatio("en", 0.0023)).toBe("0.0023");
  });

  it("picks the base of a sentence that shows the difference", () => {
    expect(ofPeople(0.14, [0.171])).toEqual({ base: 100, count: 14, others: [17] });
    expect(ofPeople(0.141, [0.144])).toEqual({ base: 1000, count: 141, others: [144] });
    expect(ofPeople(0.004)).toEqual({ base: 1000, count: 4, others: [] });
  });
});

describe("money", () => {
  it("drops cents from a hundred on", () => {
    expect(formatMoney("en", 63567.2, "EUR")).toBe("€63,567");
    expect(plain(formatMoney("nl", 63567.2, "EUR"))).toBe("€ 63.567");
    expect(plain(formatMoney("nl", 61.9, "EUR"))).toBe("€ 61,90");
  });
});

describe("durations", () => {
  it("has two units at most", () => {
    expect(plain(formatDuration("en", 240))).toBe("4 min");
    expect(plain(formatDuration("en", 7800))).toBe("2 h 10 min");
    expect(plain(formatDuration("nl", 7800))).toBe("2 u 10 min");
    expect(plain(formatDuration("nl", 93_600))).toBe("1 dag 2 u");
    expect(plain(formatDuration("en", 86_399))).toBe("1 day");
    expect(plain(formatDuration("en", 9 * 86_400))).toBe("9 days");
    expect(plain(formatSpan("nl", 35 * 86_400))).toBe("5 weken");
  });
});

describe("dates", () => {
  it("finds the day in the site's zone", () => {
    expect(dayOf(new Date("2026-03-01T23:30:00Z"), "Europe/Amsterdam")).toBe("2026-03-02");
    expect(weekday("2026-05-11")).toBe(0);
    expect(addMonths("2026-03-31", -1)).toBe("2026-02-28");
    expect(isDay("2026-02-30")).toBe(false);
  });

  it("writes days and ranges", () => {
    expect(formatRange("en", "2026-04-12", "2026-05-11", "2026")).toBe("12 April – 11 May");
    expect(formatRange("nl", "2026-05-01", "2026-05-11", "2026")).toBe("1 – 11 mei");
    expect(formatRange("en", "2025-12-20", "2026-01-03", "2026")).toBe("20 December 2025 – 3 January 2026");
    expect(formatDay("en", "2026-05-12", { weekday: true, year: true })).toBe("Tuesday 12 May 2026");
    expect(formatMonth("nl", "2026-03", "2026")).toBe("maart");
    expect(formatMonth("en", "2025-11", "2026")).toBe("November 2025");
  });
});

describe("change", () => {
  const share = { kind: "points", direction: 1, smallest: 0.0005 } as const;

  it("calls chance chance", () => {
    expect(compare(0.186, 0.181, { ...share, interval: [0.175, 0.198] })?.verdict).toBe("chance");
    expect(compare(0.412, 0.461, { ...share, interval: [0.384, 0.44] })).toMatchObject({ verdict: "worse", up: false });
  });

  it("knows where less is better", () => {
    expect(compare(9, 11, { kind: "own", direction: -1, smallest: 0.5 })?.verdict).toBe("better");
  });

  it("says same, and nothing where there was nothing", () => {
    expect(compare(1.15, 1.151, { kind: "own", direction: 1, smallest: 0.005 })?.verdict).toBe("same");
    expect(compare(1.15, null, share)).toBeNull();
  });
});
