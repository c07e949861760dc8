import { address, shared, toAddress } from "../../app/router";
import { toast } from "../../app/toasts";
import { comparison, period } from "../../app/view";
import { rangeText } from "../../format/words";
import { writeDates } from "../../model/period";
import { t } from "../../text";
import { Icon } from "../Icon/Icon";
import { Popover } from "../Popover/Popover";
import { mayShare, openShareDialog } from "../ShareDialog/open";

export async function copyText(text: string, done: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    toast(t("copy.failed"));
  }
}

/** The address of this view, with its dates written out if it should not move with time. */
function linkTo(fixed: boolean): string {
  const query: Record<string, string> = Object.fromEntries(address.value.query);
  if (fixed) {
    query.p = writeDates(period.value);
    if (comparison.value?.name === "prev") delete query.c; // relative to fixed dates, so fixed as well
  }
  return location.origin + toAddress(address.value.path, query);
}

/** The two kinds of link; also on the share button of a page. */
export function CopyLink({ compact = false }: { compact?: boolean }) {
  // The link that a visitor came by is theirs already.
  if (shared) return null;
  const choices = [
    { fixed: false, name: t("link.moving"), why: t("link.moving.why") },
    { fixed: true, name: t("link.fixed"), why: t("link.fixed.why", { range: rangeText(period.value) }) },
  ];
  const button = compact ? <Icon name="share" size={15} /> : <><Icon name="link" size={14} />{t("truth.link")}</>;
  return (
    <Popover button={button} buttonClass={compact ? "ctl icon-only" : "act"} label={compact ? t("share") : undefined} title={compact ? t("share") : t("truth.link")} role="menu" width={300} align="end">
      {(close) => (
        <div class="options">
          {choices.map((choice) => (
            <button key={choice.name} type="button" role="menuitem" class="option plain" onClick={() => (close(), void copyText(linkTo(choice.fixed), t("link.copied")))}>
              <span>
                {choice.name}
                <small>{choice.why}</small>
              </span>
            </button>
          ))}
          {compact && mayShare() && (
            <button type="button" role="menuitem" class="option plain" onClick={() => (close(), openShareDialog())}>
              <span>
                {t("share.without")}
                <small>{t("share.without.why")}</small>
              </span>
            </button>
          )}
        </div>
      )}
    </Popover>
  );
}
