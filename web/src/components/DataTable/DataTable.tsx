import type { CSSProperties, ComponentChildren, TargetedEvent, TargetedKeyboardEvent } from "preact";
import { useMemo, useState } from "preact/hooks";
import { t } from "../../text";
import { Definition } from "../Definition/Definition";
import "./DataTable.css";

export interface Column<Row> {
  id: string;
  name: string;
  /** What "?" in its head says. */
  what?: string;
  figure?: boolean;
  /** In a narrow container, columns go by priority: 3 first, then 2; 1 always stays. */
  priority?: 1 | 2 | 3;
  sort?: (row: Row) => number | string | null;
  cell: (row: Row, index: number) => ComponentChildren;
}

interface Props<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  /** Enter or a click on a row opens it. */
  onOpen?: (row: Row) => void;
  selected?: (row: Row) => boolean;
  sorted?: { id: string; down: boolean };
  page?: number;
}

function bySort<Row>(rows: Row[], columns: Column<Row>[], sorted: { id: string; down: boolean } | null): Row[] {
  const by = sorted && columns.find((column) => column.id === sorted.id)?.sort;
  if (!by) return rows;
  const order = sorted.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    if (x == null || y == null) return x == null ? (y == null ? 0 : 1) : -1; // what is not known comes last
    if (typeof x === "string" && typeof y === "string") return order * x.localeCompare(y);
    return order * ((x as number) - (y as number));
  });
}

function moveRow(event: TargetedKeyboardEvent<HTMLTableRowElement>): void {
  const next = event.key === "ArrowDown" ? event.currentTarget.nextElementSibling : event.key === "ArrowUp" ? event.currentTarget.previousElementSibling : null;
  if (!next || event.target !== event.currentTarget) return;
  event.preventDefault();
  (next as HTMLElement).focus();
}

const PAGE = 50;

export function DataTable<Row>({ caption, columns, rows, rowKey, onOpen, selected, sorted: first, page = PAGE }: Props<Row>) {
  const [sorted, setSorted] = useState(first ?? null);
  const [shown, setShown] = useState(page);
  const ordered = useMemo(() => bySort(rows, columns, sorted), [rows, columns, sorted]);

  const open = (event: TargetedEvent<HTMLElement>, row: Row) => {
    if ((event.target as Element).closest("a, button")) return;
    onOpen?.(row);
  };

  const className = (column: Column<Row>) => [column.figure ? "figure" : "", column.priority ? `p${column.priority}` : ""].join(" ").trim() || undefined;

  return (
    <>
      <div class="table-scroll" tabIndex={0} role="region" aria-label={t("table.scroll", { name: caption })}>
        <table>
          <caption class="vh">{caption}</caption>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.id} scope="col" class={className(column)} aria-sort={sorted?.id === column.id ? (sorted.down ? "descending" : "ascending") : undefined}>
                  <Head column={column} sorted={sorted} onSort={setSorted} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {ordered.slice(0, shown).map((row, index) => (
              <tr
                key={rowKey(row)}
                class={[selected?.(row) ? "selected" : "", onOpen ? "opens" : ""].join(" ").trim() || undefined}
                tabIndex={onOpen ? 0 : undefined}
                onClick={onOpen && ((event) => open(event, row))}
                onKeyDown={
                  onOpen &&
                  ((event) => {
                    if (event.key === "Enter") open(event, row);
                    else moveRow(event);
                  })
                }
              >
                {columns.map((column, at) =>
                  at === 0 ? (
                    <th key={column.id} scope="row" class={className(column)}>{column.cell(row, index)}</th>
                  ) : (
                    <td key={column.id} class={className(column)}>{column.cell(row, index)}</td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {ordered.length > shown && (
        <button type="button" class="link table-more" onClick={() => setShown(shown + PAGE)}>
          {t("more")}
        </button>
      )}
    </>
  );
}

function Head<Row>({ column, sorted, onSort }: { column: Column<Row>; sorted: { id: string; down: boolean } | null; onSort: (sorted: { id: string; down: boolean }) => void }) {
  const is = sorted?.id === column.id;
  const name = column.sort ? (
    <button type="button" class={is ? "sort on" : "sort"} aria-label={t("table.sort", { name: column.name })} onClick={() => onSort({ id: column.id, down: is ? !sorted.down : !!column.figure })}>
      {column.name}
      <span aria-hidden="true">{is ? (sorted.down ? " ↓" : " ↑") : ""}</span>
    </button>
  ) : (
    column.name
  );
  if (!column.what) return <>{name}</>;
  return (
    <span class="th-what">
      {name}
      <Definition name={column.name}>{column.what}</Definition>
    </span>
  );
}

/** A cell whose strength of colour shows how large its share is among those of its column. */
export function HeatCell({ strength, children }: { strength: number; children: ComponentChildren }) {
  const style = { "--a": String(Math.max(0, Math.min(1, strength)).toFixed(2)) } as CSSProperties;
  return (
    <span class="heat" style={style}>
      {children}
    </span>
  );
}

/** "–", with its reason on hover and for a screen reader. */
export function Nothing({ why }: { why?: string }) {
  return (
    <span class="nothing" title={why}>
      –{why && <span class="vh"> {why}</span>}
    </span>
  );
}
