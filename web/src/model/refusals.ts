import { hasText, t } from "../text";

/** Why something was refused, in plain words. */
export function reasonText(reason: string): string {
  const key = `refused.reason.${reason}`;
  return hasText(key) ? t(key) : t("refused.reason.other", { reason });
}

/** What to change so that it is taken. */
export function whatToDo(reason: string): string | null {
  const key = `refused.reason.${reason}.do`;
  return hasText(key) ? t(key) : null;
}
