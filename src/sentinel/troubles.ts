import type { MessageKind } from "../report/message-kind.ts";
import type { FromSentinel } from "./protocol.ts";

/** What does not work, told to main once per cause until it is settled. */
export class Troubles {
  readonly #post: (message: FromSentinel) => void;
  readonly #told = new Set<string>();

  constructor(post: (message: FromSentinel) => void) {
    this.#post = post;
  }

  tell(kind: MessageKind, key: string, message: string): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#post({ type: "trouble", kind, key, message });
  }

  settle(key: string): void {
    if (this.#told.delete(key)) this.#post({ type: "settled", key });
  }
}
