import type { JSX } from "preact";

const c = (cx: number, cy: number, r: number) => <circle cx={cx} cy={cy} r={r} />;
const p = (d: string) => <path d={d} />;

const ICONS = {
  today: p("M2 12.5h12M4.2 10.5a3.8 3.8 0 0 1 7.6 0M8 2.5v2M2.9 5.2l1.3 1.2M13.1 5.2l-1.3 1.2"),
  journey: <>{c(3.5, 12, 1.7)}{c(12.5, 4, 1.7)}{p("M5.2 12h3.1a2.2 2.2 0 0 0 2.2-2.2V6.2A2.2 2.2 0 0 1 10.8 4")}</>,
  referral: <>{c(4, 8, 1.8)}{c(12, 3.8, 1.8)}{c(12, 12.2, 1.8)}{p("M5.6 7.1l4.8-2.5M5.6 8.9l4.8 2.5")}</>,
  revenue: p("M12.2 4.2A4.8 4.8 0 1 0 12.2 11.8M2.6 6.8h6M2.6 9.2h6"),
  people: <>{c(6, 5.5, 2.3)}{p("M1.8 13c.3-2.4 2-3.8 4.2-3.8s3.9 1.4 4.2 3.8M10.6 3.4a2.2 2.2 0 0 1 0 4.2M12 9.6c1.3.5 2.1 1.7 2.3 3.4")}</>,
  events: p("M1.5 8h3l1.7-4.5 3 9L11 8h3.5"),
  setup: <>{c(8, 8, 2.1)}{p("M8 1.8v1.8M8 12.4v1.8M1.8 8h1.8M12.4 8h1.8M3.6 3.6l1.3 1.3M11.1 11.1l1.3 1.3M12.4 3.6l-1.3 1.3M4.9 11.1l-1.3 1.3")}</>,
  search: <>{c(7, 7, 4.2)}{p("M10.2 10.2 14 14")}</>,
  globe: <>{c(8, 8, 6)}{p("M2 8h12M8 2c2 1.8 2.6 3.8 2.6 6S10 12.2 8 14M8 2C6 3.8 5.4 5.8 5.4 8S6 12.2 8 14")}</>,
  sun: <>{c(8, 8, 2.8)}{p("M8 1.8v1.4M8 12.8v1.4M1.8 8h1.4M12.8 8h1.4M3.6 3.6l1 1M11.4 11.4l1 1M12.4 3.6l-1 1M4.6 11.4l-1 1")}</>,
  moon: p("M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z"),
  down: p("M4.5 6.5 8 10l3.5-3.5"),
  left: p("M10 4 6 8l4 4"),
  right: p("M6 4l4 4-4 4"),
  up: p("M4.5 9.5 8 6l3.5 3.5"),
  more: p("M2.5 4.5h11M2.5 8h11M2.5 11.5h11"),
  calendar: <><rect x="2" y="3" width="12" height="11" rx="1.8" />{p("M2 6.5h12M5.2 1.6V4M10.8 1.6V4")}</>,
  share: p("M8 9.8V2.2M5.2 4.8 8 2l2.8 2.8M3 8.6v3.8a1 1 0 0 0 1 1h8a1 1 0 0 0 1-1V8.6"),
  bulb: p("M5.8 11.2C4.5 10.2 3.8 9 3.8 7.3a4.2 4.2 0 0 1 8.4 0c0 1.7-.7 2.9-2 3.9v1.3H5.8zM6.4 14.4h3.2"),
  table: <><rect x="2" y="3" width="12" height="10" rx="1.4" />{p("M2 6.4h12M2 9.7h12M6.5 6.4V13")}</>,
  chart: p("M2.5 13.2h11M4.5 13V8.5M8 13V4M11.5 13V6.5"),
  download: p("M8 2.5v7M5 7l3 3 3-3M2.5 13.2h11"),
  link: p("M6.8 9.2 9.2 6.8M7 4.6l1.2-1.2a3 3 0 0 1 4.4 4.4L11.4 9M9 11.4l-1.2 1.2a3 3 0 0 1-4.4-4.4L4.6 7"),
  close: p("M4 4l8 8M12 4l-8 8"),
  plus: p("M8 3v10M3 8h10"),
  check: p("M3 8.5l3.2 3.2L13 4.8"),
  mail: <><rect x="2" y="3.5" width="12" height="9" rx="1.4" />{p("M2.4 4.6 8 9l5.6-4.4")}</>,
  laptop: <><rect x="3" y="3.2" width="10" height="7" rx="1.2" />{p("M1.5 12.8h13")}</>,
  phone: <><rect x="4.5" y="1.8" width="7" height="12.4" rx="1.6" />{p("M7.2 11.9h1.6")}</>,
  camera: <><rect x="2.5" y="2.5" width="11" height="11" rx="3" />{c(8, 8, 2.6)}</>,
  ads: p("M2.5 6.6v2.8h2.2L11 12.6V3.4L4.7 6.6zM13 6.4a2.4 2.4 0 0 1 0 3.2M5.4 9.6l.9 3.4"),
  chat: p("M2.5 4.8a1.6 1.6 0 0 1 1.6-1.6h7.8a1.6 1.6 0 0 1 1.6 1.6v4.6a1.6 1.6 0 0 1-1.6 1.6H7L4 13.4V11a1.6 1.6 0 0 1-1.5-1.6z"),
  funnel: p("M2 4h12M4.5 8h7M6.5 12h3"),
  key: <>{c(5.2, 10.8, 2.6)}{p("M7.1 8.9 13 3M10.6 5.4l1.8 1.8")}</>,
  out: p("M6.5 13.2H3.6a1 1 0 0 1-1-1V3.8a1 1 0 0 1 1-1h2.9M10.4 5.2 13.2 8l-2.8 2.8M13 8H6.5"),
  dots: <>{c(3.5, 8, 0.6)}{c(8, 8, 0.6)}{c(12.5, 8, 0.6)}</>,
  ring: <circle cx="8" cy="8" r="5.5" stroke-dasharray="2.2 2.4" />,
  eye: <>{p("M1.6 8S4 3.6 8 3.6 14.4 8 14.4 8 12 12.4 8 12.4 1.6 8 1.6 8z")}{c(8, 8, 1.9)}</>,
  person: <>{c(8, 5.4, 2.5)}{p("M3.4 13.4c.3-2.6 2.2-4.2 4.6-4.2s4.3 1.6 4.6 4.2")}</>,
} satisfies Record<string, JSX.Element>;

export type IconName = keyof typeof ICONS;

/** Always beside a word or on a button with a name, so it says nothing itself. */
export function Icon({ name, size = 16, weight = 1.6 }: { name: IconName; size?: number; weight?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width={weight} stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      {ICONS[name]}
    </svg>
  );
}

export function Logo({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 22 22" fill="none" aria-hidden="true">
      <path d="M4 17h5.2a2.3 2.3 0 0 0 2.3-2.3V7.3A2.3 2.3 0 0 1 13.8 5H18" stroke="var(--ink)" stroke-width="2.4" />
      <circle cx="4" cy="17" r="2.9" fill="var(--paper)" stroke="var(--ink)" stroke-width="2.2" />
      <circle cx="18" cy="5" r="4" fill="var(--ink)" />
    </svg>
  );
}
