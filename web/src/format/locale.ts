/** The two languages of the interface, and the locale whose spelling of numbers and dates each uses. */
export type Language = "en" | "nl";

export const LOCALES: Record<Language, string> = { en: "en-GB", nl: "nl-NL" };

/** U+2212: as wide as a plus sign, unlike a hyphen. */
export const MINUS = "\u2212";

/** What stands where there is nothing to show; the reason is said next to it. */
export const NOTHING = "\u2013";

export function withRealMinus(text: string): string {
  return text.replace(/-(?=[\d€$£.,\s\u00a0])/g, MINUS);
}
