import { PREFIX } from "../../app/prefix";

/** Where events are sent: this very address without the app. */
export function collectorAddress(): string {
  return location.origin + PREFIX;
}

const PLACE_OF_KEY = "YOUR_WRITE_KEY";

export type Source = "script" | "tracker" | "server" | "image";

/** What to paste, with the key where it is known. */
export function codeFor(source: Source, writeKey: string): string {
  const key = writeKey.trim() || PLACE_OF_KEY;
  const host = collectorAddress();
  switch (source) {
    case "script":
      return `<script defer src="${host}/t.js"\n        data-key="${key}"></script>`;
    case "tracker":
      return `analytics.load("${key}", {\n  integrations: { "Segment.io": { apiHost: "${host.replace(/^https?:\/\//, "")}/v1"${host.startsWith("http://") ? ', protocol: "http"' : ""} } }\n});`;
    case "server":
      return `curl ${host}/v1/track -u ${key}: -d '{\n  "userId": "anna", "event": "Order Completed", "messageId": "order-1",\n  "properties": { "order_id": "1", "revenue": 24.95, "currency": "EUR" } }'`;
    case "image":
      return `<img src="${host}/v1/pixel.gif?writeKey=${key}&event=Email%20Opened&userId=anna"\n     width="1" height="1" alt="">`;
  }
}
