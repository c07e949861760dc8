import { signal } from "@preact/signals";

/** What happened, and how to undo it. Errors are never told here: they stay where they belong. */
export interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

export const toasts = signal<Toast[]>([]);

let last = 0;

export function toast(text: string, action?: Toast["action"]): void {
  last += 1;
  toasts.value = [...toasts.value.slice(-2), { id: last, text, action }];
}

export function dismissToast(id: number): void {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}
