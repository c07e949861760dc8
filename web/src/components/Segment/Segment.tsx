import type { ComponentChildren } from "preact";
import "./Segment.css";

interface Props<T extends string> {
  label: string;
  value: T;
  options: { value: T; label: ComponentChildren; disabled?: boolean }[];
  onChange: (value: T) => void;
}

/** A choice of one of a few, all in sight. */
export function Segment<T extends string>({ label, value, options, onChange }: Props<T>) {
  return (
    <div class="seg" role="radiogroup" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          role="radio"
          aria-checked={option.value === value}
          tabIndex={option.value === value ? 0 : -1}
          onClick={() => onChange(option.value)}
          onKeyDown={(event) => {
            const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
            if (!step) return;
            event.preventDefault();
            const at = options.findIndex((each) => each.value === value);
            const next = options[(at + step + options.length) % options.length];
            onChange(next.value);
            (event.currentTarget.parentElement!.children[options.indexOf(next)] as HTMLElement).focus();
          }}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}
