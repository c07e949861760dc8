import { rmSync } from "node:fs";
import type { FullResult, Reporter } from "@playwright/test/reporter";
import { RESULTS } from "./folders";

/** Removes the pictures and traces of a run in which all went well, and says where the others are. */
export default class KeptResults implements Reporter {
  private passed = false;

  onEnd(result: FullResult): void {
    this.passed = result.status === "passed";
    if (!this.passed) console.log(`\nPictures of what failed are in ${RESULTS}`);
  }

  /** After Playwright's own last look at the folder. */
  async onExit(): Promise<void> {
    if (this.passed) rmSync(RESULTS, { recursive: true, force: true });
  }

  printsToStdio(): boolean {
    return false;
  }
}
