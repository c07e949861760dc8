import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a failing test leaves to look at. Workers read the settings once more and get the folder of the run. */
export const RESULTS = (process.env.ETAPPE_E2E_RESULTS ??= mkdtempSync(join(tmpdir(), "etappe-e2e-results-")));

/** Pictures of pages with faults, or of all of them with `ETAPPE_SCREENSHOTS`. */
export const SCREENSHOTS = process.env.ETAPPE_SCREENSHOTS ?? join(RESULTS, "pages");
