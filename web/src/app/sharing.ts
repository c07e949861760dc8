import { signal } from "@preact/signals";
import { askShares } from "../api/shares";
import { offers } from "../api/session";

/** Whether the reader may make links, and this Etappe keeps them; it is asked once per site. */
export const sharingOffered = signal(false);

export async function lookForSharing(site: string, mayEdit: boolean): Promise<void> {
  sharingOffered.value = false;
  if (!mayEdit || !offers("shares")) return;
  try {
    await askShares(site);
    sharingOffered.value = true;
  } catch {
    // Not offered here, or away for the moment: nothing is lost by not showing a button.
  }
}
