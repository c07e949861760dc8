import type { ComponentChildren } from "preact";
import { t } from "../../text";
import { Popover } from "../Popover/Popover";
import "./Definition.css";

interface Props {
  name: string;
  children: ComponentChildren;
  /** The sum with today's numbers. */
  sum?: string | null;
  /** What to do when it is weak, in the server's words. */
  advice?: string | null;
  truth?: string;
}

/** "?": what a figure means. A button and not a tooltip, so that it can be reached and stays. */
export function Definition({ name, children, sum, advice, truth }: Props) {
  return (
    <Popover button="?" buttonClass="define" label={t("define.what", { name })} title={name} width={340}>
      {() => (
        <div class="definition" tabIndex={0} data-autofocus>
          <b>{name}</b>
          <p class="muted">{children}</p>
          {sum && <p class="tab">{sum}</p>}
          {advice && (
            <p class="muted">
              <b>{t("define.when-weak")}</b> {advice}
            </p>
          )}
          {truth && <p class="micro faint">{truth}</p>}
        </div>
      )}
    </Popover>
  );
}
