import { useState } from "preact/hooks";
import { toast } from "../../app/toasts";
import { t } from "../../text";
import "./Revoke.css";

interface Props {
  /** Says what is revoked, for who does not see the row. */
  which: string;
  /** What follows from it. */
  sure: string;
  done: string;
  revoke: () => Promise<void>;
  again: () => void;
}

/** Cannot be undone: what is revoked would have to be made and sent anew. So it is asked for twice. */
export function Revoke({ which, sure, done, revoke, again }: Props) {
  const [state, setState] = useState<"quiet" | "sure" | "busy" | "failed">("quiet");
  const run = () => {
    setState("busy");
    revoke().then(
      () => {
        toast(done);
        again();
      },
      () => setState("failed"),
    );
  };
  if (state === "quiet") return <button type="button" class="link row-act" onClick={() => setState("sure")} aria-label={which}>{t("revoke")}</button>;
  return (
    <span class="revoke-sure">
      <span class={state === "failed" ? "worse" : undefined} role={state === "failed" ? "alert" : undefined}>{state === "failed" ? t("state.failed") : sure}</span>
      <button type="button" class="link row-act" autofocus onClick={() => setState("quiet")}>{t("cancel")}</button>
      <button type="button" class="link row-act worse" disabled={state === "busy"} onClick={run}>{t("revoke")}</button>
    </span>
  );
}
