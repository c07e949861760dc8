import type { ComponentChildren, TargetedEvent } from "preact";
import { useId, useState } from "preact/hooks";
import { t } from "../../text";
import { Icon } from "../Icon/Icon";
import "./Field.css";

interface Props {
  label: string;
  type?: "text" | "email" | "password" | "search";
  name?: string;
  value: string;
  onInput: (event: TargetedEvent<HTMLInputElement>) => void;
  autocomplete?: string;
  placeholder?: string;
  required?: boolean;
  minLength?: number;
  autofocus?: boolean;
  spellcheck?: boolean;
  hint?: ComponentChildren;
  error?: string | null;
  /** Sets the value in a code face. */
  code?: boolean;
}

export function Field({ label, hint, error, code, type = "text", ...rest }: Props) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const secret = type === "password";
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="field-box">
        <input id={id} class={code ? "input mono" : "input"} {...({ type: secret && shown ? "text" : type } as { type: "text" })} aria-describedby={hint || error ? `${id}-hint` : undefined} aria-invalid={error ? true : undefined} {...rest} />
        {secret && (
          <button type="button" class="field-eye" aria-pressed={shown} aria-label={t(shown ? "sign-in.hide" : "sign-in.show")} onClick={() => setShown(!shown)}>
            <Icon name="eye" />
          </button>
        )}
      </div>
      {(hint || error) && (
        <p id={`${id}-hint`} class={error ? "worse small" : "faint micro"} role={error ? "alert" : undefined}>
          {error || hint}
        </p>
      )}
    </div>
  );
}

interface SelectProps<T extends string> {
  label: string;
  value: T;
  options: { value: T; label: string }[];
  groups?: { label: string; options: { value: T; label: string }[] }[];
  onChange: (value: T) => void;
  /** The label is said, not shown. */
  quiet?: boolean;
}

export function Select<T extends string>({ label, value, options, groups, onChange, quiet }: SelectProps<T>) {
  const id = useId();
  const option = (each: { value: T; label: string }) => (
    <option key={each.value} value={each.value}>{each.label}</option>
  );
  return (
    <div class="field select">
      <label for={id} class={quiet ? "vh" : undefined}>{label}</label>
      <div class="field-box">
        <select id={id} class="input" value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
          {options.map(option)}
          {groups?.map((group) => (
            <optgroup key={group.label} label={group.label}>{group.options.map(option)}</optgroup>
          ))}
        </select>
        <Icon name="down" size={14} />
      </div>
    </div>
  );
}
