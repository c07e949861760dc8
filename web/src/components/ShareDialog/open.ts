import { overlay } from "../../app/keys";
import { address } from "../../app/router";
import { sharingOffered } from "../../app/sharing";
import { isShareable } from "../../model/sharing";
import { hasText, t } from "../../text";

/** A menu key names a page in words; what a newer Etappe shares keeps its own name. */
export function pageName(page: string): string {
  const key = `menu.${page}`;
  return hasText(key) ? t(key) : page;
}

/** Editors share the pages of figures. */
export function mayShare(): boolean {
  return sharingOffered.value && isShareable(address.value.path[1]);
}

export function openShareDialog(): void {
  overlay.value = "share";
}
