import { SysError } from "../../ffi/sys-error.ts";
import { listCgroups } from "../discover/list.ts";
import { Roots } from "../discover/roots.ts";
import { renderExplain } from "../report/explain-text.ts";
import { jsonDocument } from "../report/json.ts";
import { explain as explainCgroup } from "../survey/explain.ts";
import { Survey, type Surveyed, type SurveyTools } from "../survey/survey.ts";
import { findTarget } from "../survey/target.ts";
import { configurationFor } from "./configuration.ts";
import { exitCode, UserError } from "./exit.ts";
import type { Handler } from "./handler.ts";
import { writeOut } from "./output.ts";
import { surveyTools } from "./survey-tools.ts";
import { terminalLook } from "./terminal.ts";

/** `oom-guard explain TARGET`: who would die there, by whose choice, and why. */
export const explain: Handler = async (options, [target = ""]) => {
  const config = configurationFor(options);
  const tools = await surveyTools(config);
  const { mount, version } = tools.hierarchy;
  const cgroups = listCgroups(mount, new Roots(config.cgroupRoots));
  const found = findTarget(target, {
    procRoot: tools.procRoot,
    mount,
    hierarchy: version,
    names: tools.names,
    pods: tools.pods,
    cgroups,
  });
  if (!found.ok) throw new UserError(found.message + missingNames(tools), exitCode.failed);
  const surveyed = nearestLimited(found.cgroup, new Survey(tools));
  if (surveyed === null) {
    throw new UserError(
      `${found.cgroup} has no memory limit, nor has anything above it: nobody is killed for it`,
      exitCode.failed,
    );
  }
  const report = explainCgroup(surveyed, tools, found.cgroup);
  await writeOut(options.json ? jsonDocument(report) : renderExplain(report, terminalLook()));
  return exitCode.ok;
};

/** What may be a reason why a target was not found. */
function missingNames({ podsError }: SurveyTools): string {
  return podsError === null ? "" : `; the API server's names are not known: ${podsError.message}`;
}

/** The cgroup itself, or the nearest one above it that has a limit. */
function nearestLimited(cgroup: string, survey: Survey): Surveyed | null {
  for (let path = cgroup; path.length > 1; path = path.slice(0, path.lastIndexOf("/"))) {
    try {
      const surveyed = survey.look(path);
      if (surveyed !== null) return surveyed;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (path === cgroup)
        throw new UserError(`no such cgroup: ${cgroup}`, exitCode.failed, { cause: error });
    }
  }
  return null;
}
