import { signal } from "@preact/signals";
import { chooseComparison, choosePeriod } from "../components/PeriodPicker/PeriodPicker";
import { PERIODS } from "../model/period";
import { PAGES } from "./pages";
import { isDark, language, setLanguage, setTheme, singleKeys } from "./preferences";
import { go, periodIsFixed, shared } from "./router";
import { comparison, pageAddress, site } from "./view";

/** What lies over the page. */
export const overlay = signal<"palette" | "keys" | "share" | null>(null);

const CHORD_MS = 1200;
let afterG = 0;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}

function jump(key: string): boolean {
  const page = PAGES.find((each) => each.key === key);
  if (!page || !site.value) return false;
  go(pageAddress([page.id]));
  return true;
}

/** A single key; true if it meant something. */
function single(key: string): boolean {
  if (Date.now() - afterG < CHORD_MS) {
    afterG = 0;
    return jump(key);
  }
  if (key === "g" && !shared) {
    afterG = Date.now();
    return true;
  }
  if (key === "?" && !shared) overlay.value = "keys";
  else if (key === "d") setTheme(isDark() ? "light" : "dark");
  else if (key === "l") setLanguage(language.value === "en" ? "nl" : "en");
  else if (!site.value || periodIsFixed.value) return false;
  else if (key === "x") chooseComparison(comparison.value ? "none" : "prev");
  else if (/^[1-6]$/.test(key)) choosePeriod(PERIODS[Number(key) - 1]);
  else return false;
  return true;
}

export function listenToKeys(): void {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k" && !shared) {
      event.preventDefault();
      overlay.value = overlay.value === "palette" ? null : "palette";
      return;
    }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || overlay.value || !singleKeys.value) return;
    if (isTyping(event.target) || document.querySelector(".popover")) return;
    if (single(event.key)) event.preventDefault();
  });
}
