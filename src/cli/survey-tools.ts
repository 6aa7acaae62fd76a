import { release } from "node:os";
import { hierarchyToLookAt } from "../cgroup/look-at.ts";
import { memoryReader } from "../cgroup/memory-reader.ts";
import type { Config } from "../config/config.ts";
import { kernelGeneration } from "../decide/kernel-generation.ts";
import { namesOnce } from "../survey/names-once.ts";
import { podsOnce } from "../survey/pods-once.ts";
import type { SurveyTools } from "../survey/survey.ts";
import { listNodePods } from "./list-node-pods.ts";
import { memoryMount } from "./memory-mount.ts";

const PROC = "/proc";
const PODS_TIMEOUT_MS = 2000;

/** Everything a command needs to look at this node once. @throws UserError where the node has no memory cgroups */
export async function surveyTools(config: Config): Promise<SurveyTools> {
  const mount = memoryMount(config);
  const [names, { pods, list, error }] = await Promise.all([
    namesOnce(config, PROC, mount.version),
    podsOnce(() => listNodePods(config, PODS_TIMEOUT_MS), PODS_TIMEOUT_MS),
  ]);
  return {
    config,
    hierarchy: hierarchyToLookAt(mount),
    reader: memoryReader(mount.version),
    names,
    pods,
    nodePods: list,
    podsError: error,
    kernel: kernelGeneration(release()),
    procRoot: PROC,
  };
}
