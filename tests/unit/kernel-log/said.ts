import { KillAssembler } from "../../../src/kernel-log/assembler.ts";
import type { KernelKill } from "../../../src/kernel-log/kernel-kill.ts";

/** A record: a line of the kernel's at once after the one before, or what differs from that. */
export type Said =
  | string
  | { readonly message: string | null; readonly later?: number; readonly continues?: boolean };

/** What is made of these records, in order. */
export function killsIn(said: readonly Said[]): KernelKill[] {
  const kills: KernelKill[] = [];
  const assembler = new KillAssembler((kill) => kills.push(kill));
  let bootMicros = 1_000_000;
  for (const [seq, one] of said.entries()) {
    const { message, later = 0, continues = false } = typeof one === "string" ? { message: one } : one;
    bootMicros += 10 + later;
    assembler.take({ seq, bootMicros, message, isContinuation: continues });
  }
  assembler.flush();
  return kills;
}
