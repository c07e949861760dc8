import type { UnmappedName } from "../../api/types";
import { Select } from "../../components/Field/Field";
import { didText } from "../../format/names";
import { MILESTONES } from "../../model/milestones";
import { t } from "../../text";
import { lower } from "./SavedMeanings";

interface Props {
  suggestion: UnmappedName["suggestion"];
  value: string | null;
  onChange: (milestone: string) => void;
}

const OFFERED = ["content_view", "add_to_cart", "signup", "purchase"];

function Choice({ milestone, why, value, onChange }: { milestone: string; why?: string } & Omit<Props, "suggestion">) {
  return (
    <label class="choice">
      <input type="radio" name="meaning" checked={value === milestone} onChange={() => onChange(milestone)} />
      <span>
        <b>{lower(didText(milestone))}</b>
        <code>{milestone}</code>
      </span>
      <span />
      {why && <p>{t("meaning.suggested", { why })}</p>}
    </label>
  );
}

/** "This means that somebody…": what the name may mean by its words first, then the usual, then all. */
export function Choices({ suggestion, value, onChange }: Props) {
  const first = suggestion ? [suggestion.milestone] : [];
  const usual = OFFERED.filter((each) => !first.includes(each)).slice(0, suggestion ? 2 : 4);
  const listed = [...first, ...usual];
  const other = value !== null && !listed.includes(value);
  const options = MILESTONES.map((each) => ({ value: each as string, label: didText(each) })).sort((a, b) => a.label.localeCompare(b.label));
  return (
    <fieldset>
      <legend><h3>{t("meaning.this")}</h3></legend>
      <div class="choices">
        {listed.map((each) => (
          <Choice key={each} milestone={each} why={suggestion?.milestone === each ? suggestion.why : undefined} value={value} onChange={onChange} />
        ))}
        <label class="choice">
          <input type="radio" name="meaning" checked={other} onChange={() => onChange(MILESTONES.find((each) => !listed.includes(each))!)} />
          <b>{t("meaning.something-else")}</b>
          <span />
          {other && <Select quiet label={t("meaning.all-meanings")} value={value!} options={options} onChange={onChange} />}
        </label>
      </div>
    </fieldset>
  );
}
