import { useEffect, useState } from "preact/hooks";
import { abilities } from "../api/abilities";
import { searchPeople } from "../api/people";
import type { FoundPerson } from "../api/types";
import { useAnswer } from "../api/use-answer";
import { Icon } from "../components/Icon/Icon";
import { t } from "../text";
import { overlay } from "./keys";
import { Overlay } from "./Overlay";
import { paletteEntries, peopleEntries, type Entry } from "./palette-entries";
import { useDebounced } from "./use-debounced";
import { site } from "./view";

const MOST_PEOPLE = 5;
/** One letter fits nearly everybody. */
const LEAST_LETTERS = 2;

function useFoundPeople(query: string): FoundPerson[] {
  const still = useDebounced(query).trim();
  const id = site.value?.id;
  const asked = id && abilities.value.search && still.length >= LEAST_LETTERS;
  const answer = useAnswer(asked ? JSON.stringify(["palette", id, still]) : null, (signal) => searchPeople(id!, still, MOST_PEOPLE, signal));
  // What was found for other letters is no answer to these.
  return asked && still === query.trim() && !answer.loading ? (answer.data?.people ?? []) : [];
}

export function Palette() {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const people = useFoundPeople(query);
  const entries = [...paletteEntries(query).slice(0, 40), ...peopleEntries(people)];
  const chosen = Math.min(at, entries.length - 1);

  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    overlay.value = null;
    entry.run();
  };

  useEffect(() => {
    document.getElementById(`palette-${chosen}`)?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
      event.preventDefault();
      setAt((chosen + step + entries.length) % Math.max(entries.length, 1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(entries[chosen]);
    }
  };

  return (
    <Overlay title={t("palette.title")}>
      <div class="palette-in">
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={entries.length ? `palette-${chosen}` : undefined}
          aria-label={t("palette.title")}
          placeholder={t("palette.placeholder")}
          autocomplete="off"
          spellcheck={false}
          value={query}
          onInput={(event) => (setQuery(event.currentTarget.value), setAt(0))}
          onKeyDown={onKeyDown}
        />
        <span class="kbd" aria-hidden="true">esc</span>
      </div>
      <div class="palette-list" id="palette-list" role="listbox" aria-label={t("palette.title")}>
        {entries.map((entry, index) => (
          <>
            {(index === 0 || entries[index - 1].group !== entry.group) && <div class="palette-group" role="presentation">{entry.group}</div>}
            <div key={entry.id} id={`palette-${index}`} class="palette-one" role="option" aria-selected={index === chosen} onClick={() => run(entry)} onPointerMove={() => index !== chosen && setAt(index)}>
              <Icon name={entry.icon} />
              <span class="cut" title={entry.name}>{entry.name}</span>
              <span class="micro faint">{entry.hint}</span>
            </div>
          </>
        ))}
        {!entries.length && <p class="palette-none">{t("palette.none", { q: query })}</p>}
      </div>
    </Overlay>
  );
}
