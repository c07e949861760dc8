import { useEffect, useState } from "preact/hooks";
import { signIn } from "../../api/session";
import { isProblem } from "../../api/problem";
import { language, setLanguage } from "../../app/preferences";
import { address, go, toAddress } from "../../app/router";
import { param } from "../../app/view";
import { Button } from "../../components/Button/Button";
import { Field } from "../../components/Field/Field";
import { Icon, Logo } from "../../components/Icon/Icon";
import { counted } from "../../format/words";
import { hasText, t } from "../../text";
import { useCountdown } from "./use-countdown";
import { OtherWay, useSignInWays } from "./Ways";
import "./SignIn.css";

/** Whoever is sent here comes back to where they were. */
function useBack(): boolean {
  const sentAway = address.value.path.length > 0 && address.value.path[0] !== "sign-in";
  useEffect(() => {
    if (address.value.path[0] !== "sign-in") go(toAddress(["sign-in"], { back: sentAway ? location.pathname + location.search : null }), { replace: true });
  }, []);
  return sentAway || !!param("back");
}

export function LanguageSwitch() {
  return (
    <button type="button" class="sign-language" lang={language.value === "en" ? "nl" : "en"} onClick={() => setLanguage(language.value === "en" ? "nl" : "en")}>
      <Icon name="globe" size={14} />
      {t("menu.language")}
    </button>
  );
}

/** Why signing in elsewhere did not end well. */
function reasonText(reason: string): string {
  const key = `sign-in.reason.${reason}`;
  return hasText(key) ? t(key) : t("sign-in.reason.other");
}

export function SignIn() {
  const comesBack = useBack();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<"wrong" | "failed" | null>(null);
  const [busy, setBusy] = useState(false);
  const [wait, setWait] = useCountdown();
  const ways = useSignInWays();
  const came = param("reason");

  useEffect(() => {
    document.title = `${t("sign-in.title")} · ${t("app.name")}`;
  }, [language.value]);

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(email.trim(), password);
    } catch (problem) {
      setBusy(false);
      if (!isProblem(problem)) throw problem;
      if (problem.status === 429) setWait(problem.retryAfter ?? 30);
      else setError(problem.status === 401 || problem.status === 422 ? "wrong" : "failed");
    }
  };

  return (
    <main class="alone">
      <form class="card sign" onSubmit={submit}>
        <div class="sign-brand"><Logo />{t("app.name")}</div>
        <h1>{t("sign-in.title")}</h1>
        {comesBack && <p class="muted small">{t("sign-in.again")}</p>}
        {came && !error && <p class="worse small" role="alert">{reasonText(came)}</p>}
        {ways.password && (
          <>
            <Field label={t("sign-in.email")} type="email" name="email" autocomplete="username" required value={email} onInput={(event) => setEmail(event.currentTarget.value)} autofocus />
            <Field label={t("sign-in.password")} type="password" name="password" autocomplete="current-password" required value={password} onInput={(event) => setPassword(event.currentTarget.value)} />
            {wait > 0 && <p class="worse small" role="alert">{counted("sign-in.throttled", wait)}</p>}
            {error && <p class="worse small" role="alert">{t(error === "wrong" ? "sign-in.wrong" : "state.failed")}</p>}
            <Button type="submit" disabled={busy || wait > 0}>{t("sign-in.go")}</Button>
          </>
        )}
        <OtherWay ways={ways} back={param("back")} />
      </form>
      <LanguageSwitch />
    </main>
  );
}
