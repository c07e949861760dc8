/** The answers of the API, as its `openapi.json` describes them; optional members are those that a server may lack. */
export interface Frame {
  unit: string;
  timezone: string;
  as_of: string;
}

export type Interval = [number, number];

export interface TrendPoint {
  period: string;
  value: number | null;
  complete: boolean;
}

export interface Kpi {
  id: string;
  value: number | null;
  previous: number | null;
  interval: Interval | null;
  unit: string;
  currency: string | null;
  counts: Record<string, number>;
  advice: string | null;
  /** Absent, or null, of a figure that has none. */
  trend?: TrendPoint[] | null;
}

export interface Leak {
  stage: string;
  label: string;
  from_stage: string;
  actors: number;
  reached: number;
  rate: number;
  best_rate: number;
  best_month: string;
  lost: number;
  advice: string;
  worth?: { customers: number; revenue: number | null; currency: string | null } | null;
  where?: { by: string; value: string | null; rate: number; best_rate: number } | null;
}

export interface KpisAnswer extends Frame {
  from: string;
  to: string;
  model: string;
  kpis: Kpi[];
  biggest_leak: Leak | null;
}

/** A figure of a day that lies outside what is usual on that weekday. */
export interface Change {
  id: "visitors" | "signups" | "customers" | "orders" | "revenue";
  value: number;
  low: number;
  high: number;
  currency: string | null;
}

export interface ChangesAnswer extends Frame {
  day: string;
  complete: boolean;
  compared_days: number;
  changes: Change[];
  new_names: { name: string; kind: string; events: number; people: number }[];
  /** Events that happened before the day and came on it or since. */
  late: { events: number; people: number };
}

export interface Times {
  mean_s: number | null;
  p50_s: number | null;
  p75_s: number | null;
  p90_s: number | null;
  p95_s: number | null;
}

export interface Step {
  stage?: string;
  label: string;
  gate: boolean;
  count: number;
  skipped: number;
  open: number;
  step_rate: number | null;
  step_rate_closed: number | null;
  overall_rate: number | null;
  drop_off: number | null;
  time_from_previous: Times;
  step_rate_interval: Interval | null;
}

export interface FunnelAnswer extends Frame {
  from: string;
  to: string;
  model?: string | null;
  window_s: number | null;
  entered: number;
  never_entered: number;
  steps: Step[];
  breakdown?: { value: (string | null)[] | null; other: boolean; steps: Step[] }[];
  trend?: { period: string; steps: Step[] }[];
  hints?: { field: string; detail: string; nearest: string[] }[];
}

export interface Phrases {
  past: string;
  who: string;
  do: string;
}

export interface ModelStage {
  id: string;
  labels: Record<string, string>;
  gate: boolean;
  own_hit: boolean;
  ordinal: number;
  tone: string | null;
  phrases: Partial<Record<string, Phrases | null>> | null;
}

export interface Model {
  id: string;
  labels: Record<string, string>;
  version: string;
  stages: ModelStage[];
}

export interface ReferralsAnswer extends Frame {
  invitations: number;
  inviters: number;
  converted: number;
  active_actors: number;
  customers: number;
  referred: number;
  referred_activated: number;
  k_factor: number | null;
  k_observed: number | null;
  referrals_per_customer: number | null;
  viral_cycle_time_s: { p50: number | null };
  generations: { generation: number; actors: number }[];
  advocates: { actor: string; name: string | null; referred: number }[];
}

export interface UnmappedName {
  name: string;
  kind: string;
  why: string;
  milestone: string | null;
  events: number;
  people: number;
  first_seen: string;
  last_seen: string;
  understood_now: boolean;
  suggestion: { milestone: string; why: string } | null;
  example?: Record<string, unknown> | null;
}

/** What somebody did right before or after. */
export interface Neighbour {
  event: string;
  milestone: string | null;
  count: number;
  people: number;
}

export interface MeaningAnswer extends Frame {
  event: string;
  events: number;
  people: number;
  before: Neighbour[];
  after: Neighbour[];
  meanings: { milestone: string; stages: Record<string, string | null> }[];
}

export interface UnmappedAnswer extends Frame {
  events: number;
  names: UnmappedName[];
  names_more: number;
}

export interface ActorEvent {
  message_id: string;
  event: string;
  timestamp: string;
  milestone: string | null;
  stages: Record<string, { stage: string | null; rule: string | null; version: string }>;
  properties: Record<string, unknown> | null;
}

export interface ActorAnswer extends Frame {
  actor: string;
  name: string | null;
  /** The e-mail address as far as the reader may see it. */
  email_hint: string | null;
  ids: string[];
  stages: Record<string, { stage: string; since: string }>;
  events: ActorEvent[];
  next: string | null;
}

export interface PersonRow {
  actor: string;
  name?: string | null;
  channel: string | null;
  device: string | null;
  country?: string | null;
  last_seen: string | null;
  stage?: string | null;
}

/** Somebody who fits what was searched for. */
export interface FoundPerson {
  actor: string;
  name: string | null;
  /** The e-mail address as far as the reader may see it. */
  email_hint: string | null;
  channel: string | null;
  device: string | null;
  country: string | null;
  first_seen: string | null;
  last_seen: string | null;
}

export interface FoundAnswer {
  people: FoundPerson[];
  more: boolean;
}

export interface LastEvent {
  event: string;
  milestone: string | null;
  count: number;
}

export interface PeopleAnswer extends Frame {
  total: number;
  people: PersonRow[];
  last_events: LastEvent[];
  /** How many people did something else last. */
  other_last_events: number;
  /** How many people `last_events` were counted among. */
  sample: number;
  next: string | null;
}
