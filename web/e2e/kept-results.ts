import { rmSync } from "node:fs";
import type { FullResult, Reporter } from "@playwright/test/reporter";
import { RESULTS } from "./folders";

/** Removes the pictures and traces of a run in which all went well, and says where the others are. */
export default class KeptResults implements Reporter {
  onEnd(result: FullResult): void {
    if (result.status === "passed") rmSync(RESULTS, { recursive: true, force: true });
    else console.log(`\nPictures of what failed are in ${RESULTS}`);
  }

  printsToStdio(): boolean {
    return false;
  }
}
