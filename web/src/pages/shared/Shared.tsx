import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { bearer } from "../../api/client";
import { isProblem, Problem } from "../../api/problem";
import type { Site } from "../../api/session";
import { askShared, enterShared, type OpenedShare } from "../../api/shares";
import { LanguageButton, ThemeButton } from "../../app/Frame";
import { Referral, Revenue } from "../../app/lazy-pages";
import { loadedModels, loadModels, model } from "../../app/models";
import { PREFIX } from "../../app/prefix";
import { language } from "../../app/preferences";
import { address, shared, showShared } from "../../app/router";
import { sharedSite, site } from "../../app/view";
import { abilitiesKnown } from "../../api/abilities";
import { Button } from "../../components/Button/Button";
import { Field } from "../../components/Field/Field";
import { Logo } from "../../components/Icon/Icon";
import { PracticeLabel } from "../../components/Practice/Practice";
import { Empty, Failed, Skeleton } from "../../components/States/States";
import { counted } from "../../format/words";
import { t } from "../../text";
import { Journey } from "../journey/Journey";
import { LanguageSwitch } from "../sign-in/SignIn";
import { useCountdown } from "../sign-in/use-countdown";
import { Today } from "../today/Today";
import "../sign-in/SignIn.css";
import "./Shared.css";

type State = { is: "loading" } | { is: "password" } | { is: "open" } | { is: "failed"; problem: Problem };

function siteOf(opened: OpenedShare): Site {
  const told = typeof opened.site === "string" ? { id: opened.site } : opened.site;
  const { name = opened.name ?? told.id, timezone = opened.timezone ?? "UTC", currency = opened.currency ?? "EUR" } = told;
  return { id: told.id, name, timezone, currency, role: "viewer" };
}

function refuses(problem: Problem | null | undefined): boolean {
  return problem?.status === 401 || problem?.status === 403;
}

/** Whether the figures can be asked for in this way: by the token itself, or by the cookie that a password brought. */
async function opensBy(way: string | null, siteId: string): Promise<Problem | null> {
  bearer.value = way;
  await loadModels(siteId);
  const problem = loadedModels.value?.problem;
  return problem && refuses(problem) ? problem : null;
}

async function open(): Promise<State> {
  const { token } = shared!;
  const opened = await askShared(token);
  sharedSite.value = siteOf(opened);
  showShared({ site: sharedSite.value.id, page: opened.page, view: opened.view, fixed: opened.period === "fixed" });
  let refused: Problem | null = null;
  for (const way of opened.needs_password ? [null] : [token, null]) {
    refused = await opensBy(way, sharedSite.value.id);
    if (!refused) return { is: "open" };
  }
  return opened.needs_password ? { is: "password" } : { is: "failed", problem: refused! };
}

/** Alone on the page, as when signing in; within another site there is no room for more. */
function Alone({ children }: { children: ComponentChildren }) {
  useEffect(() => {
    document.title = t("app.name");
  }, [language.value]);
  return (
    <main class="alone">
      {children}
      <LanguageSwitch />
    </main>
  );
}

function PasswordForm({ onOpen }: { onOpen: () => void }) {
  const [password, setPassword] = useState("");
  const [trouble, setTrouble] = useState<"wrong" | "cookie" | "failed" | null>(null);
  const [busy, setBusy] = useState(false);
  const [wait, setWait] = useCountdown();

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setTrouble(null);
    try {
      await enterShared(shared!.token, password);
      if (!(await opensBy(null, sharedSite.value!.id))) return onOpen();
      setTrouble("cookie");
    } catch (error) {
      if (!isProblem(error)) throw error;
      if (error.status === 429) setWait(error.retryAfter ?? 30);
      else setTrouble(refuses(error) || error.status === 422 ? "wrong" : "failed");
    }
    setBusy(false);
  };

  return (
    <Alone>
      <form class="card sign" onSubmit={submit}>
        <div class="sign-brand"><Logo />{t("app.name")}</div>
        <h1>{t("shared.locked")}</h1>
        <p class="muted small">{t("shared.locked.what")}</p>
        <Field label={t("sign-in.password")} type="password" autocomplete="off" required value={password} onInput={(event) => setPassword(event.currentTarget.value)} autofocus />
        {wait > 0 && <p class="worse small" role="alert">{counted("sign-in.throttled", wait)}</p>}
        {trouble === "cookie" && (
          <p class="worse small" role="alert">
            {t("shared.cookie")} <a href={`${PREFIX}/share/${encodeURIComponent(shared!.token)}`} target="_blank" rel="noopener">{t("shared.own-tab")}</a>
          </p>
        )}
        {(trouble === "wrong" || trouble === "failed") && <p class="worse small" role="alert">{t(trouble === "wrong" ? "shared.wrong" : "state.failed")}</p>}
        <Button type="submit" disabled={busy || wait > 0 || !password}>{t("shared.open")}</Button>
      </form>
    </Alone>
  );
}

function NotOpen({ problem, again }: { problem: Problem; again: () => void }) {
  // Over, taken back, or never there: for who has the link it is the same, but a typing mistake can be mended.
  if (problem.status === 410) return <Alone><Empty title={t("shared.over")}>{t("shared.over.what")}</Empty></Alone>;
  if (problem.status === 404 || refuses(problem)) return <Alone><Empty title={t("shared.unknown")}>{t("shared.unknown.what")}</Empty></Alone>;
  return <Alone><Failed problem={problem} again={again} /></Alone>;
}

function Figures() {
  if (!loadedModels.value || !abilitiesKnown.value) return <Skeleton lines={6} />;
  const { problem } = loadedModels.value;
  if (problem) return <Failed problem={problem} again={() => void loadModels(site.value!.id)} />;
  if (!model.value) return <Empty title={t("state.gone")} />;
  switch (address.value.path[1]) {
    case "today":
      return <Today />;
    case "journey":
      return <Journey />;
    case "referral":
      return <Referral />;
    case "revenue":
      return <Revenue />;
    default:
      return <Empty title={t("state.page.unknown")} />;
  }
}

function SharedFrame() {
  const embedded = shared!.kind === "embed";
  return (
    <div class={embedded ? "shared embedded" : "shared"}>
      {!embedded && (
        <header class="shared-bar">
          <Logo />
          <span class="cut" title={site.value!.name}>{site.value!.name}</span>
          <PracticeLabel />
          <div class="foot-row">
            <LanguageButton />
            <ThemeButton />
          </div>
        </header>
      )}
      <main id="page" tabIndex={-1}>
        <div class="wrap"><Figures /></div>
        {!embedded && <p class="shared-foot">{t("shared.foot")}</p>}
      </main>
    </div>
  );
}

/** One page of figures for whoever has its link: no menu, no people, no settings. */
export function SharedPage() {
  const [state, setState] = useState<State>({ is: "loading" });
  const start = () => {
    setState({ is: "loading" });
    open().then(setState, (error: unknown) => setState({ is: "failed", problem: isProblem(error) ? error : new Problem(0, "unknown", String(error)) }));
  };
  useEffect(start, []);
  switch (state.is) {
    case "loading":
      return <div class="alone" role="status" aria-label={t("state.loading")}><Logo size={28} /></div>;
    case "failed":
      return <NotOpen problem={state.problem} again={start} />;
    case "password":
      return <PasswordForm onOpen={() => setState({ is: "open" })} />;
    case "open":
      return <SharedFrame />;
  }
}
