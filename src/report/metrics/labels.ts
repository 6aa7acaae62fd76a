import { printable } from "../text.ts";

/** Whose a series is; "" where that is not known. */
export interface NameLabels {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** What of anything is known by names. */
interface Named {
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly container: string | null;
}

/** The longest name Kubernetes allows. */
const MAX_LABEL = 253;

/** Names as labels. They come from whoever makes containers, so they are made printable; escaping is the format's. */
export function nameLabels({ namespace, pod, container }: Named): NameLabels {
  return { namespace: label(namespace), pod: label(pod), container: label(container) };
}

/** A text of its own for each set of names. */
export function namesKey({ namespace, pod, container }: NameLabels): string {
  return JSON.stringify([namespace, pod, container]);
}

function label(name: string | null): string {
  return name === null ? "" : printable(name, MAX_LABEL);
}
