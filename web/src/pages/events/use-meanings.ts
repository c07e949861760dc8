import { askMeanings, removeMeaning, saveMeaning, type SavedMeaning } from "../../api/meanings";
import { offers } from "../../api/session";
import { forgetAnswers, useAnswer, type Answer } from "../../api/use-answer";
import { countNotUnderstood } from "../../app/not-understood";
import { toast } from "../../app/toasts";
import { site } from "../../app/view";
import { t } from "../../text";

export interface Meanings {
  answer: Answer<SavedMeaning[]>;
  /** Whether the reader may say what events mean, and this server keeps it. */
  offered: boolean;
  of: (event: string) => SavedMeaning | null;
  /** Without a milestone the event is ignored. */
  save: (event: string, milestone: string | null) => Promise<void>;
  remove: (event: string) => Promise<void>;
}

/** What was said of names; `changed` is called whenever it is another. */
export function useMeanings(changed: () => void): Meanings {
  const { id, role } = site.value!;
  const mayEdit = role !== "viewer";
  const answer = useAnswer(mayEdit && offers("meanings") ? JSON.stringify(["meanings", id]) : null, (signal) => askMeanings(id, signal));
  const refresh = () => {
    forgetAnswers();
    answer.again();
    changed();
    void countNotUnderstood(id);
  };
  const remove = async (event: string) => {
    await removeMeaning(id, event);
    toast(t("meaning.undone", { name: event }));
    refresh();
  };
  const save = async (event: string, milestone: string | null) => {
    await saveMeaning(id, event, milestone);
    refresh();
    // What went wrong on undoing shows in the list, where the meaning then still stands.
    toast(t(milestone ? "meaning.saved" : "meaning.ignored"), { label: t("undo"), run: () => void remove(event).catch(refresh) });
  };
  return { answer, offered: mayEdit && !!answer.data, of: (event) => answer.data?.find((each) => each.event === event) ?? null, save, remove };
}
