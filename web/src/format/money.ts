import { NOTHING, type Language } from "./locale";
import { formatNumber } from "./numbers";

/** €63,567 from a hundred on, €61.90 below: cents stop mattering where the amount is large. */
export function formatMoney(language: Language, value: number | null | undefined, currency: string | null | undefined): string {
  if (value == null) return NOTHING;
  const whole = Math.abs(value) >= 100;
  if (!currency) return formatNumber(language, value, { maximumFractionDigits: whole ? 0 : 2 });
  return formatNumber(language, value, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    ...(whole ? { minimumFractionDigits: 0, maximumFractionDigits: 0 } : {}),
  });
}

/** Two significant digits: roughly €14,000. */
export function formatMoneyEstimate(language: Language, value: number, currency: string): string {
  return formatNumber(language, value, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: 0,
    maximumSignificantDigits: 2,
  });
}
