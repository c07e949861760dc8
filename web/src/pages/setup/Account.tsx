import { useState } from "preact/hooks";
import { isProblem } from "../../api/problem";
import { changePassword, sessionState } from "../../api/session";
import { setSingleKeys, singleKeys } from "../../app/preferences";
import { toast } from "../../app/toasts";
import { site } from "../../app/view";
import { Button } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { Field } from "../../components/Field/Field";
import { counted } from "../../format/words";
import { LEAST_PASSWORD } from "../../model/password";
import { t } from "../../text";

type Trouble = "wrong" | "short" | "throttled" | "failed" | null;

function troubleOf(error: unknown): Trouble {
  if (!isProblem(error)) return "failed";
  if (error.status === 401) return "wrong";
  if (error.status === 422) return "short";
  return error.status === 429 ? "throttled" : "failed";
}

function Password() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [trouble, setTrouble] = useState<Trouble>(null);
  const [busy, setBusy] = useState(false);
  const [wait, setWait] = useState(0);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (next.length < LEAST_PASSWORD) return setTrouble("short");
    setBusy(true);
    setTrouble(null);
    try {
      await changePassword(current, next);
      setCurrent("");
      setNext("");
      toast(t("account.password.saved"));
    } catch (error) {
      setTrouble(troubleOf(error));
      if (isProblem(error)) setWait(error.retryAfter ?? 30);
    }
    setBusy(false);
  };
  return (
    <Card title={t("account.password")}>
      <form class="account-form" onSubmit={submit}>
        <Field label={t("account.password.current")} type="password" autocomplete="current-password" required value={current} onInput={(event) => setCurrent(event.currentTarget.value)} error={trouble === "wrong" ? t("account.password.wrong") : null} />
        <Field label={t("account.password.new")} type="password" autocomplete="new-password" required value={next} onInput={(event) => setNext(event.currentTarget.value)} hint={t("account.password.rule")} error={trouble === "short" ? t("account.password.short") : null} />
        {trouble === "throttled" && <p class="worse small" role="alert">{counted("sign-in.throttled", wait)}</p>}
        {trouble === "failed" && <p class="worse small" role="alert">{t("state.failed")}</p>}
        <Button type="submit" disabled={busy || !current || !next}>{t("account.password.save")}</Button>
      </form>
    </Card>
  );
}

export function Account() {
  if (sessionState.value.is !== "in") return null;
  const { user } = sessionState.value.session;
  return (
    <div class="stack">
      <Card title={t("account.title")}>
        <div class="account-facts">
          <b>{user.name}</b>
          <span class="muted">{user.email}</span>
          <span class="muted small">{t(`account.role.${site.value!.role}`)}</span>
        </div>
        <label class="account-keys">
          <input type="checkbox" checked={singleKeys.value} onChange={(event) => setSingleKeys(event.currentTarget.checked)} />
          <span>
            {t("account.keys")}
            <small class="faint micro">{t("account.keys.what")}</small>
          </span>
        </label>
      </Card>
      <Password />
    </div>
  );
}
