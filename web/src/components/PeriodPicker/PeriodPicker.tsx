import { useState } from "preact/hooks";
import { periodIsFixed, setParams } from "../../app/router";
import { comparison, isUnfinished, period, today } from "../../app/view";
import { addDays, daysBetween, isDay } from "../../format/dates";
import { counted, rangeText } from "../../format/words";
import { DEFAULT_COMPARE, DEFAULT_PERIOD, PERIODS, parseComparison, writeDates, type CompareName } from "../../model/period";
import { t } from "../../text";
import { Button } from "../Button/Button";
import { Icon } from "../Icon/Icon";
import { Popover } from "../Popover/Popover";
import "./PeriodPicker.css";

export function periodName(): string {
  const { name } = period.value;
  return name ? t(`period.${name}`) : rangeText(period.value);
}

export function choosePeriod(param: string): void {
  setParams({ p: param === DEFAULT_PERIOD ? null : param });
}

export function chooseComparison(name: CompareName): void {
  setParams({ c: name === DEFAULT_COMPARE ? null : name });
}

/** "30 days before", or weeks and months where the period is told in them. */
function beforeText(): string {
  if (period.value.name === "12w") return counted("compare.prev.weeks", 12);
  if (period.value.name === "12m") return counted("compare.prev.months", 12);
  return counted("compare.prev", daysBetween(period.value.from, period.value.to));
}

export function comparisonName(): string {
  const { value } = comparison;
  if (!value) return t("compare.none.short");
  if (value.name === "year") return t("compare.year").toLowerCase();
  return value.name ? beforeText() : rangeText(value);
}

/** The days that are shown, and those that they are compared with. */
export function comparedText(): string {
  const range = rangeText(period.value);
  return comparison.value ? t("compare.told", { range, before: rangeText(comparison.value) }) : range;
}

function Dates({ close }: { close: () => void }) {
  const [first, setFirst] = useState(period.value.from);
  const [last, setLast] = useState(addDays(period.value.to, -1));
  const wrong = isDay(first) && isDay(last) && last < first;
  const apply = (event: Event) => {
    event.preventDefault();
    if (!isDay(first) || !isDay(last) || wrong) return;
    choosePeriod(writeDates({ from: first, to: addDays(last, 1) }));
    close();
  };
  return (
    <form class="period-dates" onSubmit={apply}>
      <label>
        <span>{t("period.from")}</span>
        <input class="input" type="date" value={first} max={today.value} onInput={(event) => setFirst(event.currentTarget.value)} />
      </label>
      <label>
        <span>{t("period.to")}</span>
        <input class="input" type="date" value={last} max={today.value} onInput={(event) => setLast(event.currentTarget.value)} />
      </label>
      {wrong && <p class="worse small" role="alert">{t("period.wrong")}</p>}
      <Button look="second" type="submit" disabled={wrong}>{t("period.apply")}</Button>
    </form>
  );
}

function fairText(name: CompareName): string {
  const range = parseComparison(name, period.value);
  if (!range) return "";
  return t(name === "year" ? "compare.fair.year" : "compare.fair.prev", { range: rangeText(range) });
}

function Comparing() {
  const names: Record<CompareName, string> = { prev: beforeText(), year: t("compare.year"), none: t("compare.none") };
  const now = comparison.value ? comparison.value.name : "none";
  if (isUnfinished.value) return <p class="period-compare small muted">{t("compare.unfinished")}</p>;
  return (
    <fieldset class="period-compare">
      <legend>{t("compare.with")}</legend>
      {(Object.keys(names) as CompareName[]).map((name) => (
        <label key={name} class="radio">
          <input type="radio" name="compare" checked={now === name} onChange={() => chooseComparison(name)} />
          <span>{names[name]}</span>
        </label>
      ))}
      <p class="micro faint">
        {now === null ? t("compare.dates", { range: rangeText(comparison.value!) }) : now !== "none" && fairText(now)}
      </p>
    </fieldset>
  );
}

/** Which days, and what they are compared with. Keys 1 to 6 choose a period on any page. */
export function PeriodPicker({ compares = true }: { compares?: boolean }) {
  if (periodIsFixed.value) return <span class="fixed-period"><Icon name="calendar" size={15} />{rangeText(period.value)}</span>;
  return (
    <Popover
      title={t("period.choose")}
      width={compares ? 500 : 260}
      align="end"
      button={
        <>
          <Icon name="calendar" size={15} />
          <span class="vh">{t("period.choose")}: </span>
          {periodName()}
          <Icon name="down" size={14} />
        </>
      }
    >
      {(close) => (
        <div class={compares ? "period both" : "period"}>
          <div class="period-names">
            <div class="options" role="listbox" aria-label={t("period.choose")}>
              {PERIODS.map((name, index) => (
                <button key={name} type="button" role="option" class="option plain" aria-selected={period.value.name === name} onClick={() => (choosePeriod(name), close())}>
                  <span>{t(`period.${name}`)}</span>
                  <span class="kbd" aria-hidden="true">{index + 1}</span>
                </button>
              ))}
            </div>
            <Dates close={close} />
          </div>
          {compares && <Comparing />}
        </div>
      )}
    </Popover>
  );
}

/** What the figures are compared with, as a control of its own beside the period. */
export function ComparePicker() {
  const options: CompareName[] = ["prev", "year", "none"];
  if (isUnfinished.value || periodIsFixed.value) return null;
  const now = comparison.value ? comparison.value.name : "none";
  return (
    <Popover title={t("compare.with")} role="listbox" width={280} align="end" button={<><em>{t("compare.vs")}</em>{comparisonName()}<Icon name="down" size={14} /></>}>
      {(close) => (
        <div class="options">
          {options.map((name) => (
            <button key={name} type="button" role="option" class="option" aria-selected={now === name} onClick={() => (chooseComparison(name), close())}>
              {now === name ? <Icon name="check" size={14} weight={2} /> : <span />}
              <span>
                {name === "prev" ? beforeText() : t(`compare.${name}`)}
                {name !== "none" && <small>{fairText(name)}</small>}
              </span>
            </button>
          ))}
        </div>
      )}
    </Popover>
  );
}
