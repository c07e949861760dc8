import { readFileSync, writeFileSync } from "node:fs";

/** What the set-up tells the tests. */
export interface State {
  address: string;
  site: string;
  readToken: string;
  /** A site that tests send events to. */
  busy: { site: string; writeKey: string };
  /** The site of the simulation; none where a larger shop is measured. */
  practice: { site: string; readToken: string } | null;
  welcome: string;
  /** The file with the cookies of who is signed in. */
  session: string;
  shop: { people: number; orders: number; messages: number };
}

export function writeState(file: string, state: State): void {
  writeFileSync(file, JSON.stringify(state));
  process.env.ETAPPE_E2E_STATE = file;
}

export function state(): State {
  return JSON.parse(readFileSync(process.env.ETAPPE_E2E_STATE!, "utf8")) as State;
}

export const ACCOUNT = { name: "Anna van der Meer", email: "anna@wielewaal.example", password: "kamerplant in de zon" };
