import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { downloadCsv, type CsvQuestion } from "../../api/questions";
import { bots, param } from "../../app/view";
import { setParams } from "../../app/router";
import { completeText, zoneText } from "../../format/words";
import { t } from "../../text";
import { CopyLink } from "../CopyLink/CopyLink";
import { Icon } from "../Icon/Icon";
import "./TruthLine.css";

interface Props {
  asOf: string;
  /** What is counted, and limits in force. */
  facts?: (string | null | false | undefined)[];
  csv?: CsvQuestion | null;
  link?: boolean;
  /** Whether the card can be shown as a table. */
  table?: boolean;
  children?: ComponentChildren;
}

function Csv({ question }: { question: CsvQuestion }) {
  const [failed, setFailed] = useState(false);
  const fetchIt = () => {
    setFailed(false);
    downloadCsv(question).catch(() => setFailed(true));
  };
  return (
    <>
      <button type="button" class="act" onClick={fetchIt}>
        <Icon name="download" size={14} />
        {t("truth.csv")}
      </button>
      {failed && <span class="worse" role="alert">{t("truth.csv.failed")}</span>}
    </>
  );
}

function TableSwitch() {
  const isTable = param("view") === "table";
  return (
    <button type="button" class="act" onClick={() => setParams({ view: isTable ? null : "table" })}>
      <Icon name={isTable ? "chart" : "table"} size={14} />
      {t(isTable ? "truth.chart" : "truth.table")}
    </button>
  );
}

/** Up to when, in which zone, what is counted; and how to take it along. */
export function TruthLine({ asOf, facts = [], csv, link, table, children }: Props) {
  const robots = bots.value === "include" ? t("truth.bots") : bots.value === "only" ? t("truth.bots.only") : null;
  const all = [completeText(asOf), zoneText(), robots, ...facts].filter((fact): fact is string => !!fact);
  return (
    <footer class="truth">
      <ul class="truth-facts">
        {all.map((fact) => (
          <li key={fact}>{fact}</li>
        ))}
      </ul>
      {(table || csv || link || children) && (
        <div class="truth-acts">
          {children}
          {table && <TableSwitch />}
          {csv && <Csv question={csv} />}
          {link && <CopyLink />}
        </div>
      )}
    </footer>
  );
}
