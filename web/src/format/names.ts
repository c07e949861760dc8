import { language } from "../app/preferences";
import { LOCALES } from "./locale";
import { hasText, t } from "../text";

const regions: Record<string, Intl.DisplayNames> = {};

function countryName(code: string): string {
  try {
    return (regions[language.value] ??= new Intl.DisplayNames([LOCALES[language.value]], { type: "region" })).of(code) ?? code;
  } catch {
    return code;
  }
}

/** A value of a split in the reader's words; what is the site's own stays as it is. */
export function valueName(by: string, value: string): string {
  if (by === "country") return countryName(value);
  const key = `${by}.${value}`;
  return hasText(key) ? t(key) : value;
}

/** "Visitor 7f3a…c2" where no name is known; an id that is short enough to read stays whole. */
export function personName(name: string | null | undefined, id: string): string {
  if (name) return name;
  const short = id.length > 16 ? `${id.slice(0, 4)}…${id.slice(-2)}` : id;
  return t("people.visitor", { id: short });
}

/** The letters in the circle before a name: "AB", and "?" for nobody known. */
export function initials(name: string | null | undefined): string {
  const words = (name ?? "").split(/[\s@.]+/).filter(Boolean);
  return words.length ? (words[0][0] + (words.length > 1 ? words[words.length - 1][0] : "")).toUpperCase() : "?";
}

/** What somebody did, as a sentence's beginning. */
export function didText(milestone: string | null): string {
  const key = `did.${milestone ?? "unknown"}`;
  return hasText(key) ? t(key) : (milestone ?? "").replace(/_/g, " ");
}
