import { useState } from "preact/hooks";
import { abilities } from "../../api/abilities";
import { site } from "../../app/view";
import { CodeBlock } from "../../components/CodeBlock/CodeBlock";
import { Field } from "../../components/Field/Field";
import { Icon } from "../../components/Icon/Icon";
import { Segment } from "../../components/Segment/Segment";
import { t } from "../../text";
import { codeFor, type Source } from "./code";

export function Snippet() {
  const [chosen, setChosen] = useState<Source | null>(null);
  const [key, setKey] = useState("");
  const sources: Source[] = abilities.value.script ? ["script", "tracker", "server", "image"] : ["tracker", "server", "image"];
  const source = chosen ?? sources[0];
  const code = codeFor(source, key);
  const mail = `mailto:?subject=${encodeURIComponent(t("setup.mail.subject", { site: site.value!.name }))}&body=${encodeURIComponent(t("setup.mail.body", { code }).replaceAll("\\n", "\n"))}`;
  return (
    <div class="snippet">
      <Segment label={t("setup.how")} value={source} options={sources.map((value) => ({ value, label: t(`setup.tab.${value}`) }))} onChange={setChosen} />
      <p class="muted small">{t(`setup.${source}.what`)}</p>
      <CodeBlock code={code} label={t("setup.send")} />
      <Field label={t("setup.key")} value={key} onInput={(event) => setKey(event.currentTarget.value)} code autocomplete="off" spellcheck={false} hint={t("setup.key.what")} />
      <p class="small faint">
        {t("setup.key.lost")} <code>etappe keys create --site {site.value!.id}</code>
      </p>
      <p>
        <a class="btn second" href={mail}>
          <Icon name="mail" size={15} />
          {t("setup.mail")}
        </a>
      </p>
    </div>
  );
}
