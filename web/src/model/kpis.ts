import type { Kpi } from "../api/types";
import type { Language } from "../format/locale";
import { compare, formatPercentChange, formatPoints, type Change, type ChangeKind } from "../format/change";
import { formatDuration } from "../format/durations";
import { formatMoney } from "../format/money";
import { formatCount, formatInterval, formatNumber, formatRatio, formatScore, formatShare } from "../format/numbers";
import type { TextKey } from "../text";

/** The cards of Today, in their order, and what is only counted. */
export const STEERING = ["customers", "revenue", "purchases_per_customer", "referrals_per_customer", "activation_rate", "retention_rate", "repeat_rate", "nps"];
export const JUST_COUNTS = ["visitors", "signups"];

/** From so many people on, a figure says something. */
export const ENOUGH = 30;

interface Spec {
  kind: ChangeKind;
  direction?: 1 | -1;
  smallest: number;
  /** The count that the figure divides by; below `ENOUGH` the figure is not shown. */
  base?: string;
  baseText?: TextKey;
  /** How the sum is written, from `counts`. */
  sum?: TextKey;
  /** The page that explains it. */
  page: string;
}

const COUNT: Spec = { kind: "percent", smallest: 0.5, page: "journey" };
const MONEY: Spec = { kind: "percent", smallest: 0.005, page: "revenue" };

const SPECS: Record<string, Spec> = {
  visitors: COUNT,
  signups: COUNT,
  customers: { ...COUNT, page: "revenue" },
  orders: { ...COUNT, page: "revenue" },
  revenue: MONEY,
  average_order_value: MONEY,
  revenue_per_customer: { ...MONEY, base: "customers", baseText: "few.customers", sum: "sum.revenue_per_customer" },
  lifetime_value: { ...MONEY, base: "new_customers", baseText: "few.customers", sum: "sum.lifetime_value" },
  purchases_per_customer: { kind: "own", smallest: 0.005, base: "customers", baseText: "few.customers", sum: "sum.purchases_per_customer", page: "revenue" },
  repeat_rate: { kind: "points", smallest: 0.0005, base: "customers", baseText: "few.customers", sum: "sum.repeat_rate", page: "revenue" },
  activation_rate: { kind: "points", smallest: 0.0005, base: "eligible_signups", baseText: "few.signups", sum: "sum.activation_rate", page: "journey" },
  retention_rate: { kind: "points", smallest: 0.0005, base: "cohort", baseText: "few.people", sum: "sum.retention_rate", page: "journey" },
  unmapped_share: { kind: "points", direction: -1, smallest: 0.0005, sum: "sum.unmapped_share", page: "events" },
  nps: { kind: "own", smallest: 0.5, base: "answers", baseText: "few.answers", sum: "sum.nps", page: "journey" },
  referrals_per_customer: { kind: "own", smallest: 0.005, base: "customers", baseText: "few.customers", sum: "sum.referrals_per_customer", page: "referral" },
  k_factor: { kind: "own", smallest: 0.0005, base: "active_actors", baseText: "few.people", sum: "sum.k_factor", page: "referral" },
  k_observed: { kind: "own", smallest: 0.0005, base: "active_actors", baseText: "few.people", sum: "sum.k_observed", page: "referral" },
  viral_cycle_time_s: { kind: "own", direction: -1, smallest: 3600, base: "referred_activated", baseText: "few.referred", page: "referral" },
};

export function specOf(id: string): Spec {
  return SPECS[id] ?? COUNT;
}

/** How many there are too few of; null if there are enough. */
export function tooFew(kpi: Kpi): { count: number; text: TextKey } | null {
  const { base, baseText } = specOf(kpi.id);
  if (!base || !baseText) return null;
  const count = kpi.counts[base];
  return count !== undefined && count < ENOUGH ? { count, text: baseText } : null;
}

/** A figure of this KPI in words; also for its earlier value. */
export function formatKpi(language: Language, kpi: Pick<Kpi, "id" | "unit" | "currency" | "interval">, value: number | null): string {
  switch (kpi.unit) {
    case "share":
      return formatShare(language, value, kpi.interval);
    case "money":
      return formatMoney(language, value, kpi.currency);
    case "seconds":
      return formatDuration(language, value);
    case "score":
      return formatScore(language, value);
    case "actors_per_customer":
      return formatCount(language, value == null ? null : value * 100); // told for 100 customers
    case "orders_per_customer":
    case "actors_per_actor":
      return formatRatio(language, value);
    default:
      return formatCount(language, value);
  }
}

/** Ratios are compared as they are shown, so that 0.02 and 0.03 differ by 0.01. */
function asShown(kpi: Kpi, value: number | null): number | null {
  if (value == null || !(kpi.unit.startsWith("actors_per") || kpi.unit.startsWith("orders_per"))) return value;
  return Math.abs(value) < 0.01 ? value : Math.round(value * 100) / 100;
}

export function kpiChange(kpi: Kpi): Change | null {
  const spec = specOf(kpi.id);
  return compare(asShown(kpi, kpi.value), asShown(kpi, kpi.previous), { kind: spec.kind, direction: spec.direction ?? 1, smallest: spec.smallest, interval: kpi.interval });
}

/** The size of a change, with its unit where it needs a word of its own. */
export function formatChangeSize(language: Language, kpi: Kpi, change: Change): { text: string; points: boolean } {
  const spec = specOf(kpi.id);
  if (spec.kind === "percent") return { text: Number.isFinite(change.size) ? formatPercentChange(language, change.size) : "", points: false };
  if (spec.kind === "points") return { text: formatPoints(language, change.size), points: true };
  if (kpi.unit === "seconds") return { text: formatDuration(language, change.size), points: false };
  if (kpi.unit === "actors_per_customer") return { text: formatCount(language, change.size * 100), points: false };
  if (kpi.unit === "score") return { text: formatCount(language, change.size), points: false };
  return { text: formatNumber(language, change.size, { maximumFractionDigits: 2 }), points: false };
}

export function intervalText(language: Language, kpi: Kpi): string | null {
  return kpi.interval && kpi.unit === "share" ? formatInterval(language, kpi.interval) : null;
}
