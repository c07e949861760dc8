import type { ComponentChildren } from "preact";
import type { Answer } from "../../api/use-answer";
import type { Problem } from "../../api/problem";
import { setParams } from "../../app/router";
import { pageAddress, period, shared } from "../../app/view";
import { counted, isLate, rangeText, timeText, whenText } from "../../format/words";
import { t } from "../../text";
import { Button, LinkButton } from "../Button/Button";
import { Icon } from "../Icon/Icon";
import { Practice } from "../Practice/Practice";
import "./States.css";

interface Words {
  title?: string;
  text: string;
  action?: "again" | "back" | "today";
}

/** What happened, whether anything is lost, and what happens next. */
function wordsFor(problem: Problem, retryIn: number | null): Words {
  switch (problem.kind) {
    case "offline":
      return { text: t("state.offline.none") };
    case "question-too-large":
      return { text: t("state.too-large"), action: "back" };
    case "timeout":
    case "body-timeout":
      return { text: t("state.timeout"), action: "again" };
    case "unknown":
      return { text: t("state.failed"), action: "again" };
  }
  if (problem.status === 503) return { title: t("state.away.title"), text: retryIn ? counted("state.away", retryIn) : t("state.away.now"), action: "again" };
  if (problem.status === 422) return { text: t("state.question", { detail: problem.detail }), action: "back" };
  if (problem.status === 401) return { text: t("sign-in.again") };
  if (problem.status === 403) return { text: t("state.forbidden") };
  if (problem.status === 405 || problem.kind === "not-found") return { text: t("state.unavailable") };
  if (problem.status === 404) return { text: t("state.gone"), action: "today" };
  return { text: t("state.failed"), action: "again" };
}

/** An error, in the card it concerns. */
export function Failed({ problem, retryIn = null, again }: { problem: Problem; retryIn?: number | null; again?: () => void }) {
  const words = wordsFor(problem, retryIn);
  return (
    <div class="failed" role="alert">
      {words.title && <b>{words.title}</b>}
      <p>{words.text}</p>
      {words.action === "again" && again && <Button look="second" onClick={again}>{t("again")}</Button>}
      {words.action === "back" && <Button look="second" onClick={() => history.back()}>{t("state.question.back")}</Button>}
      {words.action === "today" && !shared && <LinkButton look="second" href={pageAddress(["today"])}>{t("state.page.today")}</LinkButton>}
    </div>
  );
}

export function Empty({ title, children, action }: { title: string; children?: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class="empty">
      <b>{title}</b>
      {children && <p class="muted">{children}</p>}
      {action}
    </div>
  );
}

/** No event in the period: the site may be new, or the period too short. */
export function EmptyPeriod() {
  return (
    <Empty
      title={t("state.empty.period")}
      action={
        <>
          <p class="empty-actions">
            {period.value.param !== "12m" && <Button look="second" onClick={() => setParams({ p: "12m" })}>{t("state.empty.longer")}</Button>}
            {!shared && <LinkButton look="quiet" href={pageAddress(["setup"])}>{t("state.empty.setup")}</LinkButton>}
          </p>
          <Practice line />
        </>
      }
    >
      {t("state.empty.period.why", { range: rangeText(period.value) })}
      {period.value.param === "12m" && ` ${t("state.empty")}`}
    </Empty>
  );
}

export function Skeleton({ height, lines = 0 }: { height?: number; lines?: number }) {
  return (
    <div class="skeleton" aria-hidden="true" style={height ? { height: `${height}px` } : undefined}>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="bone" style={{ width: `${[92, 74, 84, 62, 78][index % 5]}%` }} />
      ))}
    </div>
  );
}

/** The states of an answer around what it shows. */
export function Answered<T>({ answer, skeleton, children }: { answer: Answer<T>; skeleton: ComponentChildren; children: (data: T) => ComponentChildren }) {
  if (answer.problem && !answer.data) return <div class="state-room"><Failed problem={answer.problem} retryIn={answer.retryIn} again={answer.again} /></div>;
  if (!answer.data) {
    return (
      <div role="status" aria-label={t("state.loading")}>
        {skeleton}
        {answer.slow && <p class="slow muted small">{t("state.slow")}</p>}
      </div>
    );
  }
  return (
    <>
      {answer.problem && <div class="state-room top"><StillOld answer={answer} /></div>}
      {answer.slow && <p class="slow muted small" role="status">{t("state.slow")}</p>}
      {children(answer.data)}
    </>
  );
}

function StillOld<T>({ answer }: { answer: Answer<T> }) {
  if (answer.problem!.kind === "offline") {
    return <Banner>{t("state.offline", { time: timeText(new Date(answer.at).toISOString()) })}</Banner>;
  }
  return <Failed problem={answer.problem!} retryIn={answer.retryIn} again={answer.again} />;
}

export function Banner({ children }: { children: ComponentChildren }) {
  return (
    <div class="banner" role="status">
      <Icon name="calendar" />
      <span>{children}</span>
    </div>
  );
}

/** Figures more than an hour old say so above everything. */
export function LateBanner({ asOf }: { asOf: string | null | undefined }) {
  return asOf && isLate(asOf) ? <Banner>{t("truth.late", { time: whenText(asOf) })}</Banner> : null;
}
