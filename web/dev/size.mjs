// Prints what the browser fetches, gzipped, and fails over the budget.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGET = 350 * 1024;
const folder = fileURLToPath(new URL("../dist/assets/", import.meta.url));
const html = readFileSync(fileURLToPath(new URL("../dist/index.html", import.meta.url)), "utf8");

const files = readdirSync(folder).filter((name) => !name.endsWith(".gz")).map((name) => {
  const bytes = readFileSync(folder + name);
  // Fonts are compressed already.
  return { name, size: name.endsWith(".woff2") ? bytes.length : gzipSync(bytes, { level: 9 }).length, first: html.includes(name) || name.endsWith(".woff2") };
});

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(10);
for (const file of files.sort((a, b) => b.size - a.size)) console.log(kib(file.size), file.first ? "first" : "later", file.name);
const all = files.reduce((sum, file) => sum + file.size, 0);
const first = files.filter((file) => file.first).reduce((sum, file) => sum + file.size, 0);
console.log(`${kib(all)} in all, of ${kib(BUDGET).trim()}; ${kib(first).trim()} for the first page`);
if (all > BUDGET) process.exit(1);
