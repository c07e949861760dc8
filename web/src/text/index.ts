import { language } from "../app/preferences";
import { LOCALES, type Language } from "../format/locale";
import { en } from "./en";
import { nl } from "./nl";

export type TextKey = keyof typeof en;
export type Texts = Record<TextKey, string>;
export type Fill = Record<string, string | number>;

export const TEXTS: Record<Language, Texts> = { en, nl };

const rules: Record<Language, Intl.PluralRules> = { en: new Intl.PluralRules(LOCALES.en), nl: new Intl.PluralRules(LOCALES.nl) };

function filled(text: string, fill: Fill): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in fill ? String(fill[name]) : whole));
}

function form(text: string, index: number): string {
  const forms = text.split(" ¦ ");
  return forms[Math.min(index, forms.length - 1)];
}

/** A text in the reader's language. */
export function t(key: TextKey, fill: Fill = {}): string {
  return filled(form(TEXTS[language.value][key], 1), fill);
}

/** The form for a number; `shown` is how the number is written, for `{n}`. */
export function plural(key: TextKey, count: number, shown: string, fill: Fill = {}): string {
  const index = rules[language.value].select(count) === "one" ? 0 : 1;
  return filled(form(TEXTS[language.value][key], index), { n: shown, ...fill });
}

/** Whether a text of a computed name is there, such as that of a milestone a model brought along. */
export function hasText(key: string): key is TextKey {
  return key in en;
}
