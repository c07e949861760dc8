import { computed } from "@preact/signals";
import { offers } from "../api/session";
import { shared, site } from "./view";

/** Whether the reader may make links: editors may, and this Etappe keeps them. */
export const sharingOffered = computed(() => !shared && !!site.value && site.value.role !== "viewer" && offers("shares"));
