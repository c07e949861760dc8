import type { ComponentChildren } from "preact";
import { t } from "../../text";
import { Popover } from "../Popover/Popover";
import "./Definition.css";

interface Props {
  name: string;
  children: ComponentChildren;
  /** The sum with today's numbers. */
  sum?: string | null;
  /** How to read what else is on the card. */
  notes?: string[];
  /** What to do when it is weak, in the server's words. */
  advice?: string | null;
  truth?: string;
}

/** "?": what a figure means. A button and not a tooltip, so that it can be reached and stays. */
export function Definition({ name, children, sum, notes, advice, truth }: Props) {
  return (
    <Popover button="?" buttonClass="define" label={t("define.what", { name })} title={name} width={340}>
      {() => (
        <div class="definition" tabIndex={0} data-autofocus>
          <b>{name}</b>
          <p class="muted">{children}</p>
          {sum && <p class="tab">{sum}</p>}
          {notes?.map((note) => <p key={note} class="muted">{note}</p>)}
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
