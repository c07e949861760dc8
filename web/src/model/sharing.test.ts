import { expect, it } from "vitest";
import { embedCode, isShareable, originsOf, viewOf } from "./sharing";

const period = { from: "2026-04-12", to: "2026-05-12", param: "30d" };

it("writes out model and period, and leaves out people and what was typed", () => {
  const query = new URLSearchParams("step=3&state=dropped&q=anna&tab=time&c=year");
  expect(viewOf(query, { model: "aaarrr", period, fixed: false })).toBe("p=30d&m=aaarrr&c=year&tab=time");
});

it("fixes a period by its dates, without a comparison that lies before them", () => {
  expect(viewOf(new URLSearchParams("m=klantreis&c=year"), { model: "aaarrr", period, fixed: true })).toBe("p=2026-04-12..2026-05-11&m=klantreis");
});

it("takes origins as people paste them, and names what is none", () => {
  expect(originsOf("https://intranet.example/page?x=1, intranet.example\nhttp://localhost:3000 https://b.example:8443")).toEqual({
    origins: ["https://intranet.example", "http://localhost:3000", "https://b.example:8443"],
    wrong: [],
  });
  expect(originsOf("ftp://x.example nonsense https://")).toEqual({ origins: [], wrong: ["ftp://x.example", "nonsense", "https://"] });
});

it("makes the code that shows a page within another, behind any prefix", () => {
  expect(embedCode("https://x.example/stats/share/abc", 'Today · "Wielewaal"')).toBe(
    '<iframe src="https://x.example/stats/embed/abc" title="Today · &quot;Wielewaal&quot;"\n        width="100%" height="900" style="border: 0"></iframe>',
  );
});

it("shares pages of figures and none of people", () => {
  expect(isShareable("today")).toBe(true);
  expect(isShareable("people")).toBe(false);
  expect(isShareable(undefined)).toBe(false);
});
