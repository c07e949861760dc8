import { useEffect, useState } from "preact/hooks";
import { makeFirstAccount, sessionState } from "../../api/session";
import { isProblem, type Problem } from "../../api/problem";
import { PREFIX } from "../../app/prefix";
import { language } from "../../app/preferences";
import { toAddress } from "../../app/router";
import { param } from "../../app/view";
import { Button, LinkButton } from "../../components/Button/Button";
import { Field } from "../../components/Field/Field";
import { Logo } from "../../components/Icon/Icon";
import { LEAST_PASSWORD } from "../../model/password";
import { t } from "../../text";
import { LanguageSwitch } from "../sign-in/SignIn";

function NoToken() {
  return (
    <>
      <p class="muted">{t("welcome.no-token")}</p>
      <p class="small faint">{t("welcome.no-token.how", { address: `${location.origin}${PREFIX}/app/welcome?token=…` })}</p>
      {sessionState.value.is === "out" && <LinkButton look="second" href={toAddress(["sign-in"])}>{t("welcome.done")}</LinkButton>}
    </>
  );
}

function wordsFor(problem: Problem): string {
  switch (problem.kind) {
    case "wrong-link":
      return t("welcome.wrong");
    case "invalid-email":
      return t("sign-in.email.wrong");
    default:
      return problem.status === 422 ? problem.detail : t("state.failed");
  }
}

function AccountForm({ token }: { token: string }) {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [tried, setTried] = useState(false);
  const short = password.length < LEAST_PASSWORD;

  const submit = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (short) return;
    setBusy(true);
    setError(null);
    try {
      await makeFirstAccount({ token, name: name.trim(), email: email.trim(), password });
    } catch (problem) {
      setBusy(false);
      if (!isProblem(problem)) throw problem;
      setError(wordsFor(problem));
    }
  };

  return (
    <form class="stack" onSubmit={submit}>
      <Field label={t("welcome.name")} name="name" autocomplete="name" required value={name} onInput={(event) => setName(event.currentTarget.value)} autofocus />
      <Field label={t("sign-in.email")} type="email" name="email" autocomplete="username" required value={email} onInput={(event) => setEmail(event.currentTarget.value)} />
      <Field label={t("sign-in.password")} type="password" name="password" autocomplete="new-password" required value={password} onInput={(event) => setPassword(event.currentTarget.value)} hint={t("account.password.rule")} error={tried && short ? t("account.password.short") : null} />
      {error && <p class="worse small" role="alert">{error}</p>}
      <Button type="submit" disabled={busy}>{t("welcome.go")}</Button>
    </form>
  );
}

export function Welcome() {
  const token = param("token");
  useEffect(() => {
    document.title = t("app.name");
  }, [language.value]);
  return (
    <main class="alone">
      <div class="card sign">
        <div class="sign-brand"><Logo />{t("app.name")}</div>
        <h1>{t("welcome.title")}</h1>
        {token ? <AccountForm token={token} /> : <NoToken />}
      </div>
      <LanguageSwitch />
    </main>
  );
}
