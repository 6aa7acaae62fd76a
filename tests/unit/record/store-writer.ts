// Writes incidents until it is killed, and says each id once the store has acknowledged it.
import { writeSync } from "node:fs";
import { IncidentStore } from "../../../src/record/store.ts";
import { incident } from "./incidents.ts";

const opened = IncidentStore.open(process.argv[2] ?? "");
if (!opened.ok) throw opened.error;
for (let i = 0; ; i++) {
  const result = opened.value.insert(incident({ id: `i${i}`, timeMs: i }));
  if (!result.ok) throw result.error;
  writeSync(1, `i${i}\n`);
}
