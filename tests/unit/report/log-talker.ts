// Logs so many lines of 900 characters to standard error in a format, then says on standard output that it is done.
import { writeSync } from "node:fs";
import type { LogFormat } from "../../../src/config/config.ts";
import { createLog } from "../../../src/report/log.ts";

const log = createLog({ format: process.argv[2] as LogFormat, level: "info", journalSocket: "/nonexistent" });
for (let i = 0; i < Number(process.argv[3]); i++) log.info("guarding", `${i} ${"x".repeat(900)}`);
writeSync(1, "done\n");
