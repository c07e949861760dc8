import { useEffect, useState } from "preact/hooks";
import { askPractice, startPractice, type Practice as State } from "../../api/practice";
import { isProblem } from "../../api/problem";
import { loadSession, offers, sessionState } from "../../api/session";
import { toAddress } from "../../app/router";
import { isPractice, shared, site, sites } from "../../app/view";
import { language } from "../../app/preferences";
import { formatShare } from "../../format/numbers";
import { t } from "../../text";
import { Button, LinkButton } from "../Button/Button";
import "./Practice.css";

const EVERY_MS = 1500;

/** Whoever adds sites may make this one. */
function mayStart(): boolean {
  return sessionState.value.is === "in" && sessionState.value.session.user.role_everywhere === "admin";
}

interface Following {
  practice: State | null;
  failed: boolean;
  start: () => void;
}

/** How far the practice site is, looked at while it is being made; null where this server makes none. */
function usePractice(wanted: boolean): Following {
  const [practice, setPractice] = useState<State | null>(null);
  const [failed, setFailed] = useState(false);
  const [round, setRound] = useState(0);

  useEffect(() => {
    if (!wanted || !offers("practice")) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      try {
        const now = await askPractice(abort.signal);
        if (abort.signal.aborted) return;
        // A site that is new must be among those of the session before its link leads there.
        if (now.state === "ready" && !sites.value.some((each) => each.id === now.site)) await loadSession();
        setPractice(now);
        if (now.state === "running") timer = setTimeout(look, EVERY_MS);
      } catch (error) {
        if (abort.signal.aborted) return;
        const missing = isProblem(error) && (error.status === 404 || error.status === 403 || error.status === 405);
        if (missing) setPractice(null);
        else timer = setTimeout(look, EVERY_MS * 4);
      }
    };
    void look();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [wanted, round]);

  const start = () => {
    setFailed(false);
    startPractice().then(
      () => {
        setPractice((old) => old && { ...old, state: "running", done: 0 });
        setRound((old) => old + 1);
      },
      () => setFailed(true),
    );
  };
  return { practice, failed, start };
}

function Act({ practice, failed, start }: Following & { practice: State }) {
  if (practice.state === "ready") return <LinkButton look="second" href={toAddress([practice.site, "today"])}>{t("practice.open")}</LinkButton>;
  if (practice.state === "running") {
    return (
      <>
        <p role="status">{t("practice.running", { share: formatShare(language.value, practice.done, [0, 1]) })}</p>
        <progress max={1} value={practice.done} aria-label={t("practice.progress")} />
      </>
    );
  }
  return (
    <>
      {failed && <p class="worse small" role="alert">{t("practice.failed")}</p>}
      <Button look="second" onClick={start}>{t("practice.start")}</Button>
    </>
  );
}

/** A site of invented people to look around in; beside the set-up, or as the last line of an empty page. */
export function Practice({ line }: { line?: boolean }) {
  const wanted = mayStart() && !shared && !!site.value && !isPractice(site.value);
  const following = usePractice(wanted);
  const { practice } = following;
  if (!wanted || !practice) return null;
  if (line) {
    return (
      <div class="practice-line">
        <p>{t("practice.title")}</p>
        <Act {...following} practice={practice} />
      </div>
    );
  }
  return (
    <section class="card practice-card" aria-label={t("practice.title")}>
      <h2>{t("practice.title")}</h2>
      <p>{t("practice.what")}</p>
      <Act {...following} practice={practice} />
    </section>
  );
}

/** Says at all times that what is shown is invented. */
export function PracticeLabel() {
  if (!site.value || !isPractice(site.value)) return null;
  return <span class="practice-label" title={t("practice.label.what")}>{t("practice.label")}</span>;
}
