import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { makeKey, type KeyKind } from "../../api/keys";
import { isProblem } from "../../api/problem";
import { forgetAnswers } from "../../api/use-answer";
import { site } from "../../app/view";
import { t } from "../../text";
import { Button } from "../Button/Button";
import { CodeBlock } from "../CodeBlock/CodeBlock";
import "./NewKey.css";

interface Props {
  kind: KeyKind;
  look: "first" | "second";
  onMade: (key: string) => void;
}

/** The button that makes a key of the site. */
export function MakeKey({ kind, look, onMade }: Props) {
  const [state, setState] = useState<"quiet" | "busy" | "failed" | "full">("quiet");
  const make = async () => {
    setState("busy");
    try {
      const made = await makeKey(site.value!.id, kind);
      forgetAnswers();
      setState("quiet");
      onMade(made.key);
    } catch (error) {
      setState(isProblem(error) && error.kind === "too-many-keys" ? "full" : "failed");
    }
  };
  return (
    <>
      <Button look={look} disabled={state === "busy"} onClick={() => void make()}>{t("site-keys.make")}</Button>
      {(state === "failed" || state === "full") && <p class="worse small" role="alert">{t(state === "full" ? "site-keys.too-many" : "state.failed")}</p>}
    </>
  );
}

/** The text of a key that was just made; nobody can show it again. */
export function MadeKey({ value }: { value: string }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => box.current?.focus({ preventScroll: true }), [value]);
  return (
    <div ref={box} class="made-key" tabIndex={-1}>
      <p role="status"><b>{t("site-keys.made")}</b> {t("site-keys.once")}</p>
      <CodeBlock code={value} label={t("site-keys.key")} />
    </div>
  );
}
