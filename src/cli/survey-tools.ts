import { release } from "node:os";
import { hierarchyV1 } from "../cgroup/v1/hierarchy.ts";
import { memoryReaderV1 } from "../cgroup/v1/read.ts";
import type { Config } from "../config/config.ts";
import { kernelGeneration } from "../decide/kernel-generation.ts";
import { namesOnce } from "../survey/names-once.ts";
import type { SurveyTools } from "../survey/survey.ts";
import { memoryMount } from "./memory-mount.ts";

const PROC = "/proc";

/** Everything a command needs to look at this node once. @throws UserError where the node has no memory cgroups */
export async function surveyTools(config: Config): Promise<SurveyTools> {
  const mount = memoryMount(config);
  return {
    config,
    // A command arms nothing, so the unit of thresholds is of no matter.
    hierarchy: hierarchyV1(mount, "bytes"),
    reader: memoryReaderV1,
    names: await namesOnce(config, PROC, 1),
    kernel: kernelGeneration(release()),
    procRoot: PROC,
  };
}
