import type { ReferralsAnswer } from "../../api/types";
import { Card } from "../../components/Card/Card";
import { Definition } from "../../components/Definition/Definition";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { count, counted } from "../../format/words";
import { t } from "../../text";

interface Round {
  name: string;
  people: number;
}

const WIDTH = 640;
const HEIGHT = 226;
const TOP = 54;
const BAR = 12;
/** Beyond these rounds a drawing has no room; they are in the list for screen readers and in the table. */
const MOST = 6;

function roundsOf(data: ReferralsAnswer): Round[] {
  const rounds = data.generations.map((each) => ({ name: t("referral.round", { n: each.generation }), people: each.actors }));
  return [{ name: t("referral.inviters"), people: data.inviters }, ...rounds].slice(0, MOST);
}

/** A ribbon that narrows from round to round, around its middle. */
function Ribbon({ rounds, label }: { rounds: Round[]; label: string }) {
  const most = Math.max(...rounds.map((round) => round.people), 1);
  const step = WIDTH / Math.max(rounds.length, 3);
  const middle = TOP + HEIGHT / 2;
  const half = (people: number) => Math.max((people / most) * HEIGHT, 3) / 2;
  return (
    <svg viewBox={`0 0 ${WIDTH} ${TOP + HEIGHT + 6}`} role="img" aria-label={label} class="rounds-ribbon">
      {rounds.slice(1).map((round, index) => {
        const [x1, x2] = [index * step + BAR, (index + 1) * step];
        const [a, b] = [half(rounds[index].people), half(round.people)];
        const bend = (x2 - x1) / 2;
        const path = `M${x1},${middle - a} C${x1 + bend},${middle - a} ${x1 + bend},${middle - b} ${x2},${middle - b} V${middle + b} C${x1 + bend},${middle + b} ${x1 + bend},${middle + a} ${x1},${middle + a}Z`;
        return <path key={round.name} d={path} fill="var(--c)" opacity={0.3 - index * 0.04} />;
      })}
      {rounds.map((round, index) => (
        <g key={round.name}>
          <rect x={index * step} y={middle - half(round.people)} width={BAR} height={half(round.people) * 2} rx={Math.min(3, half(round.people))} fill="var(--c)" opacity={1 - index * 0.13} />
          <text x={index * step} y="14" class="rounds-name">{round.name}</text>
          <text x={index * step} y="38" class="rounds-count">{count(round.people)}</text>
        </g>
      ))}
    </svg>
  );
}

function Bars({ rounds }: { rounds: Round[] }) {
  const most = Math.max(...rounds.map((round) => round.people), 1);
  return (
    <ol class="rounds-bars">
      {rounds.map((round, index) => (
        <li key={round.name}>
          <span class="muted">{round.name}</span>
          <i style={{ width: `${(round.people / most) * 100}%`, opacity: 1 - index * 0.13 }} aria-hidden="true" />
          <b class="tab">{count(round.people)}</b>
        </li>
      ))}
    </ol>
  );
}

export function Rounds({ data }: { data: ReferralsAnswer }) {
  const rounds = roundsOf(data);
  const label = t("referral.rounds.label", {
    inviters: count(data.inviters),
    rounds: data.generations.map((each) => t("referral.rounds.each", { n: each.generation, people: count(each.actors) })).join(", "),
  });
  return (
    <Card
      title={t("referral.rounds")}
      define={<Definition name={t("referral.rounds")}>{t("referral.rounds.what")}</Definition>}
      foot={<TruthLine asOf={data.as_of} facts={[counted("referral.in-all", data.referred)]} link />}
    >
      <div class="rounds tone-tell">
        <div class="only-wide"><Ribbon rounds={rounds} label={label} /></div>
        <div class="only-narrow"><Bars rounds={rounds} /></div>
      </div>
    </Card>
  );
}
