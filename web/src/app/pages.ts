import type { IconName } from "../components/Icon/Icon";
import type { Site } from "../api/session";

/** The pages of a site, in the order of the menu. */
export interface PageEntry {
  id: "today" | "journey" | "referral" | "revenue" | "people" | "events" | "setup";
  icon: IconName;
  /** The key after g. */
  key: string;
  group: "figures" | "data" | "making";
  /** Who may use it; viewers do not see what they may not use. */
  for: (site: Site) => boolean;
}

const all = () => true;

export const PAGES: PageEntry[] = [
  { id: "today", icon: "today", key: "t", group: "figures", for: all },
  { id: "journey", icon: "journey", key: "j", group: "figures", for: all },
  { id: "referral", icon: "referral", key: "r", group: "figures", for: all },
  { id: "revenue", icon: "revenue", key: "o", group: "figures", for: all },
  { id: "people", icon: "people", key: "p", group: "data", for: all },
  { id: "events", icon: "events", key: "e", group: "data", for: all },
  { id: "setup", icon: "setup", key: "s", group: "making", for: all },
];

/** On the bar below at 360 px; the others are behind "More". */
export const ON_THE_BAR = ["today", "journey", "referral", "revenue"];
