import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { isProblem, Problem } from "../../api/problem";
import { makeShare, type Share } from "../../api/shares";
import { forgetAnswers } from "../../api/use-answer";
import { overlay } from "../../app/keys";
import { modelId } from "../../app/models";
import { Overlay } from "../../app/Overlay";
import { PREFIX } from "../../app/prefix";
import { language } from "../../app/preferences";
import { address } from "../../app/router";
import { pageAddress, period, site, thisYear, today } from "../../app/view";
import { addDays, formatDay } from "../../format/dates";
import { counted, rangeText } from "../../format/words";
import { LEAST_PASSWORD } from "../../model/password";
import { embedCode, LIVES, originsOf, viewOf } from "../../model/sharing";
import { t } from "../../text";
import { Button, LinkButton } from "../Button/Button";
import { CodeBlock } from "../CodeBlock/CodeBlock";
import { Field, Select } from "../Field/Field";
import { Icon } from "../Icon/Icon";
import { Failed } from "../States/States";
import { pageName } from "./open";
import "./ShareDialog.css";

function untilText(days: number): string {
  const day = addDays(today.value, days);
  return t("share.days", { time: counted("share.n-days", days), day: formatDay(language.value, day, { year: day.slice(0, 4) !== thisYear.value }) });
}

function PeriodChoice({ value, onChange }: { value: Share["period"]; onChange: (value: Share["period"]) => void }) {
  const choices = [
    { value: "free" as const, name: t("share.period.free"), why: t(period.value.name ? "share.period.free.why" : "share.period.free.dates") },
    { value: "fixed" as const, name: t("share.period.fixed", { range: rangeText(period.value) }), why: t("share.period.fixed.why") },
  ];
  return (
    <fieldset>
      <legend>{t("period.choose")}</legend>
      {choices.map((choice) => (
        <label key={choice.value} class="radio">
          <input type="radio" name="share-period" checked={value === choice.value} onChange={() => onChange(choice.value)} />
          <span>
            {choice.name}
            <small class="faint micro">{choice.why}</small>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

interface EmbedProps {
  text: string;
  wrong: string[];
  /** A password opens a page by a cookie, which browsers keep from a page within another. */
  locked: boolean;
  onChange: (text: string) => void;
}

function Embedding({ text, wrong, locked, onChange }: EmbedProps) {
  const id = useId();
  return (
    <details class="share-embed">
      <summary>{t("share.embed")}</summary>
      {locked ? (
        <p class="muted small">{t("share.embed.locked")}</p>
      ) : (
        <div class="field">
          <label for={id}>{t("share.embed.where")}</label>
          <textarea id={id} class="input mono" rows={2} placeholder="https://intranet.example" spellcheck={false} value={text} onInput={(event) => onChange(event.currentTarget.value)} aria-describedby={`${id}-hint`} aria-invalid={wrong.length > 0 || undefined} />
          <p id={`${id}-hint`} class={wrong.length ? "worse small" : "faint micro"} role={wrong.length ? "alert" : undefined}>
            {wrong.length ? t("share.embed.wrong", { names: wrong.join(", ") }) : t("share.embed.what")}
          </p>
        </div>
      )}
    </details>
  );
}

interface Made {
  url: string;
  embeds: boolean;
  locked: boolean;
}

function Form({ page, onMade }: { page: string; onMade: (made: Made) => void }) {
  const [kind, setKind] = useState<Share["period"]>("free");
  const [days, setDays] = useState<number>(LIVES[0]);
  const [password, setPassword] = useState("");
  const [places, setPlaces] = useState("");
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const locked = password !== "";
  const { origins, wrong } = locked ? { origins: [], wrong: [] } : originsOf(places);

  const submit = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (wrong.length) return;
    setBusy(true);
    setProblem(null);
    const view = viewOf(address.value.query, { model: modelId.value, period: period.value, fixed: kind === "fixed" });
    try {
      const made = await makeShare(site.value!.id, { page, view, period: kind, days, password: password || null, origins });
      forgetAnswers();
      onMade({ url: location.origin + PREFIX + made.url, embeds: origins.length > 0, locked });
    } catch (error) {
      setProblem(isProblem(error) ? error : new Problem(0, "unknown", ""));
      setBusy(false);
    }
  };

  return (
    <form class="share-form" onSubmit={submit}>
      <p class="muted">{t("share.what")}</p>
      <PeriodChoice value={kind} onChange={setKind} />
      <div class="share-pair">
        <Select label={t("share.until")} value={String(days)} options={[...LIVES].sort((a, b) => a - b).map((each) => ({ value: String(each), label: untilText(each) }))} onChange={(value) => setDays(Number(value))} />
        <Field label={t("share.password")} type="password" autocomplete="new-password" minLength={LEAST_PASSWORD} value={password} onInput={(event) => setPassword(event.currentTarget.value)} hint={t("share.password.what")} />
      </div>
      <Embedding text={places} wrong={tried ? wrong : []} locked={locked} onChange={setPlaces} />
      {problem && <Failed problem={problem} />}
      <div class="share-acts">
        <Button look="second" onClick={() => (overlay.value = null)}>{t("cancel")}</Button>
        <Button type="submit" disabled={busy}>{t("share.make")}</Button>
      </div>
    </form>
  );
}

function Result({ made, page }: { made: Made; page: string }) {
  const box = useRef<HTMLDivElement>(null);
  // The button that had the focus is gone.
  useLayoutEffect(() => box.current?.focus(), []);
  return (
    <div ref={box} class="share-form" tabIndex={-1}>
      <p role="status"><b>{t("share.made")}</b> {t("share.once")}</p>
      <CodeBlock code={made.url} label={t("share.link")} />
      {made.locked && <p class="muted small">{t("share.tell-password")}</p>}
      {made.embeds && (
        <>
          <p class="muted small">{t("share.embed.code")}</p>
          <CodeBlock code={embedCode(made.url, `${pageName(page)} · ${site.value!.name}`)} label={t("share.embed")} />
        </>
      )}
      <div class="share-acts">
        <LinkButton look="second" href={pageAddress(["setup", "share"])}>{t("share.all")}</LinkButton>
        <Button onClick={() => (overlay.value = null)}>{t("share.done")}</Button>
      </div>
    </div>
  );
}

/** Makes a link by which the page in sight can be seen without signing in. */
export function ShareDialog() {
  const [made, setMade] = useState<Made | null>(null);
  // The page that was open when the dialog was.
  const [page] = useState(address.value.path[1]);
  const now = address.value.path[1];
  useEffect(() => {
    if (now !== page) overlay.value = null;
  }, [now]);
  const title = t("share.title", { page: pageName(page) });
  return (
    <Overlay title={title}>
      <div class="keys-head">
        <h2>{title}</h2>
        <button type="button" aria-label={t("close")} onClick={() => (overlay.value = null)}>
          <Icon name="close" />
        </button>
      </div>
      {made ? <Result made={made} page={page} /> : <Form page={page} onMade={setMade} />}
    </Overlay>
  );
}
