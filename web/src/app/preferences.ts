import { effect, signal } from "@preact/signals";
import type { Language } from "../format/locale";

/** The reader's own choices; they are kept in this browser and are never part of a link. */
export type Theme = "light" | "dark" | "system";

function stored(name: string): string | null {
  try {
    return localStorage.getItem(`etappe.${name}`);
  } catch {
    return null; // storage may be switched off
  }
}

export function keep(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`etappe.${name}`);
    else localStorage.setItem(`etappe.${name}`, value);
  } catch {
    // Without storage a choice lasts until the page is closed.
  }
}

export const kept = stored;

function firstLanguage(): Language {
  const choice = stored("language");
  if (choice === "en" || choice === "nl") return choice;
  return navigator.languages?.some((each) => each.toLowerCase().startsWith("nl")) ? "nl" : "en";
}

function firstTheme(): Theme {
  const choice = stored("theme");
  return choice === "light" || choice === "dark" ? choice : "system";
}

const inBrowser = typeof document !== "undefined";

export const language = signal<Language>(inBrowser ? firstLanguage() : "en");
export const theme = signal<Theme>(inBrowser ? firstTheme() : "light");
/** Single keys such as "g t" can be in the way of other tools, so they can be switched off. */
export const singleKeys = signal(inBrowser ? stored("keys") !== "off" : true);
const systemIsDark = signal(inBrowser && matchMedia("(prefers-color-scheme: dark)").matches);

export function isDark(): boolean {
  return theme.value === "dark" || (theme.value === "system" && systemIsDark.value);
}

export function setLanguage(choice: Language): void {
  language.value = choice;
  keep("language", choice);
}

export function setTheme(choice: Theme): void {
  theme.value = choice;
  keep("theme", choice === "system" ? null : choice);
}

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on;
  keep("keys", on ? null : "off");
}

export function applyPreferences(): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => (systemIsDark.value = event.matches));
  effect(() => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    document.documentElement.lang = language.value;
  });
}
