import { useState } from "preact/hooks";
import { abilities } from "../../api/abilities";
import type { KeyKind } from "../../api/keys";
import { offers } from "../../api/session";
import { site } from "../../app/view";
import { CodeBlock } from "../../components/CodeBlock/CodeBlock";
import { Field } from "../../components/Field/Field";
import { Icon } from "../../components/Icon/Icon";
import { MadeKey, MakeKey } from "../../components/NewKey/NewKey";
import { Segment } from "../../components/Segment/Segment";
import { t } from "../../text";
import { codeFor, type Source } from "./code";

/** The least that a key must be able to do for this code. */
const KIND_FOR: Record<Source, KeyKind> = { script: "browser", tracker: "browser", server: "server", image: "pixel" };

interface KeyProps {
  kind: KeyKind;
  made: string | undefined;
  pasted: string;
  onMade: (key: string) => void;
  onPaste: (key: string) => void;
}

/** The key in the code: a new one, or one that the reader kept. */
function Key({ kind, made, pasted, onMade, onPaste }: KeyProps) {
  const mayMake = site.value!.role === "admin" && offers("keys");
  if (made) return <MadeKey value={made} />;
  return (
    <>
      {mayMake && (
        <div class="snippet-make">
          <MakeKey key={kind} kind={kind} look="first" onMade={onMade} />
          <p class="muted small">{t("setup.key.make")}</p>
        </div>
      )}
      <Field label={t("setup.key")} value={pasted} onInput={(event) => onPaste(event.currentTarget.value)} code autocomplete="off" spellcheck={false} hint={t("setup.key.what")} />
      {!mayMake && <p class="small faint">{t("setup.key.lost")}</p>}
    </>
  );
}

export function Snippet() {
  const [chosen, setChosen] = useState<Source | null>(null);
  const [pasted, setPasted] = useState("");
  const [made, setMade] = useState<Partial<Record<KeyKind, string>>>({});
  const sources: Source[] = abilities.value.script ? ["script", "tracker", "server", "image"] : ["tracker", "server", "image"];
  const source = chosen ?? sources[0];
  const kind = KIND_FOR[source];
  const code = codeFor(source, made[kind] ?? pasted);
  const mail = `mailto:?subject=${encodeURIComponent(t("setup.mail.subject", { site: site.value!.name }))}&body=${encodeURIComponent(t("setup.mail.body", { code }).replaceAll("\\n", "\n"))}`;
  return (
    <div class="snippet">
      <Segment label={t("setup.how")} value={source} options={sources.map((value) => ({ value, label: t(`setup.tab.${value}`) }))} onChange={setChosen} />
      <p class="muted small">{t(`setup.${source}.what`)}</p>
      <CodeBlock code={code} label={t("setup.send")} />
      <Key kind={kind} made={made[kind]} pasted={pasted} onMade={(key) => setMade({ ...made, [kind]: key })} onPaste={setPasted} />
      <p>
        <a class="btn second" href={mail}>
          <Icon name="mail" size={15} />
          {t("setup.mail")}
        </a>
      </p>
    </div>
  );
}
