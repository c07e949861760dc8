import { expect, it } from "vitest";
import { sharedPlace, sharedQuery, sharedSearch } from "./place";

it("knows a shared page by its address, behind any prefix", () => {
  expect(sharedPlace("/share/abc", "")).toEqual({ kind: "share", token: "abc" });
  expect(sharedPlace("/stats/embed/a-b_c", "/stats")).toEqual({ kind: "embed", token: "a-b_c" });
  expect(sharedPlace("/app/share/today", "")).toBeNull();
  expect(sharedPlace("/share/abc/more", "")).toBeNull();
  expect(sharedPlace("/share/%", "")).toBeNull();
});

it("shows what was shared until the visitor chooses something else", () => {
  expect(sharedQuery("p=7d&m=aaarrr", "", false).toString()).toBe("p=7d&m=aaarrr");
  expect(sharedQuery("p=7d&m=aaarrr", "?p=12w&by=device", false).toString()).toBe("p=12w&m=aaarrr&by=device");
});

it("lets nobody choose another period where it is fixed, or ask for people", () => {
  expect(sharedQuery("p=2026-04-01..2026-04-30&c=none", "?p=12m&c=year&step=2&state=dropped&tab=time", true).toString()).toBe("p=2026-04-01..2026-04-30&c=none&tab=time");
});

it("writes only what differs from what was shared, and a default as empty", () => {
  expect(sharedSearch("p=7d&m=aaarrr", [["p", "7d"], ["m", "aaarrr"]])).toBe("");
  expect(sharedSearch("p=7d&m=aaarrr", [["p", "12w"], ["m", "aaarrr"]])).toBe("p=12w");
  const search = sharedSearch("p=7d&m=aaarrr", [["m", "aaarrr"]]);
  expect(search).toBe("p=");
  expect(sharedQuery("p=7d&m=aaarrr", search, false).get("p")).toBe("");
});
