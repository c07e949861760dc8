import { expect, it } from "vitest";
import { prefixOf } from "./prefix";

it("reads the prefix from the script's address, whatever the page is", () => {
  expect(prefixOf("https://x.example/app/assets/index-1.js", "/app/demo/today")).toBe("");
  expect(prefixOf("https://x.example/stats/app/assets/index-1.js", "/stats/app/demo/today")).toBe("/stats");
  expect(prefixOf("https://x.example/my/app/app/assets/index-1.js", "/my/app/app/app/today")).toBe("/my/app");
});

it("reads it on a shared page, whose script comes from the app as well", () => {
  expect(prefixOf("https://x.example/stats/app/assets/index-1.js", "/stats/share/abc")).toBe("/stats");
  expect(prefixOf("http://localhost:5173/src/app/prefix.ts", "/stats/embed/abc")).toBe("/stats");
});

it("falls back to the page's address in development", () => {
  expect(prefixOf("http://localhost:5173/src/app/prefix.ts", "/app/demo/today")).toBe("");
  expect(prefixOf("http://localhost:5173/src/app/prefix.ts", "/stats/app")).toBe("/stats");
});
