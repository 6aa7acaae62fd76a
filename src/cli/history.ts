import { IncidentStore } from "../record/store.ts";
import { renderHistoryJson } from "../report/history-json.ts";
import { renderHistory } from "../report/history-table.ts";
import { configurationFor } from "./configuration.ts";
import { exitCode, UserError } from "./exit.ts";
import type { Handler } from "./handler.ts";
import { writeOut } from "./output.ts";
import { terminalLook } from "./terminal.ts";

/** `oom-guard history`: what was killed and why, newest first. */
export const history: Handler = async (options) => {
  const { stateDir } = configurationFor(options);
  const opened = IncidentStore.open(stateDir, { readonly: true });
  if (!opened.ok) throw new UserError(opened.error.message, exitCode.failed, { cause: opened.error });
  const found = opened.value.recent(options.limit === null ? {} : { limit: options.limit });
  opened.value.close();
  if (!found.ok) throw new UserError(found.error.message, exitCode.failed, { cause: found.error });
  const { incidents } = found.value;
  await writeOut(
    options.json ? renderHistoryJson(incidents) : renderHistory(incidents, { ...terminalLook(), stateDir }),
  );
  return exitCode.ok;
};
