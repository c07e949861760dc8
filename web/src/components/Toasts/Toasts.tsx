import { useEffect, useRef, useState } from "preact/hooks";
import { dismissToast, toasts, type Toast } from "../../app/toasts";
import { t } from "../../text";
import { Icon } from "../Icon/Icon";
import "./Toasts.css";

const SHOWN_MS = 8000;

function One({ toast }: { toast: Toast }) {
  const [held, setHeld] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (held) return;
    timer.current = setTimeout(() => dismissToast(toast.id), SHOWN_MS);
    return () => clearTimeout(timer.current);
  }, [held, toast.id]);
  const hold = { onMouseEnter: () => setHeld(true), onMouseLeave: () => setHeld(false), onFocusIn: () => setHeld(true), onFocusOut: () => setHeld(false) };
  return (
    <div class="toast" {...hold}>
      <span>{toast.text}</span>
      {toast.action && (
        <button type="button" class="toast-action" onClick={() => (toast.action!.run(), dismissToast(toast.id))}>
          {toast.action.label}
        </button>
      )}
      <button type="button" class="toast-close" aria-label={t("close")} onClick={() => dismissToast(toast.id)}>
        <Icon name="close" size={14} />
      </button>
    </div>
  );
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <One key={toast.id} toast={toast} />
      ))}
    </div>
  );
}
