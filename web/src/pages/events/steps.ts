import type { FunnelStep } from "../../api/questions";

/** A step as it stands in the address: `m:purchase` is a meaning, `e:Order Completed` an event by name. */
export interface BuiltStep {
  kind: "milestone" | "event";
  name: string;
}

const SEPARATOR = ">";

export function writeSteps(steps: BuiltStep[]): string {
  return steps.map((step) => `${step.kind === "milestone" ? "m" : "e"}:${step.name.replaceAll(SEPARATOR, "%3E")}`).join(SEPARATOR);
}

export function readSteps(text: string | null): BuiltStep[] | null {
  if (!text) return null;
  const steps = text.split(SEPARATOR).flatMap((part): BuiltStep[] => {
    const name = part.slice(2).replaceAll("%3E", SEPARATOR);
    if (part.startsWith("m:")) return [{ kind: "milestone", name }];
    return part.startsWith("e:") ? [{ kind: "event", name }] : [];
  });
  return steps.length ? steps : null;
}

/** Only steps that say something are asked about. */
export function askedSteps(steps: BuiltStep[]): FunnelStep[] {
  return steps.filter((step) => step.name.trim()).map((step) => (step.kind === "milestone" ? { milestone: step.name } : { event: step.name.trim() }));
}

export const FIRST_STEPS: BuiltStep[] = [
  { kind: "milestone", name: "content_view" },
  { kind: "milestone", name: "add_to_cart" },
  { kind: "milestone", name: "purchase" },
];
