import { expect, test } from "bun:test";
import { defaults } from "../../../src/config/defaults.ts";
import { ContainerNames } from "../../../src/discover/container-names.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import { Survey, type SurveyTools } from "../../../src/survey/survey.ts";
import { pod } from "../discover/pods.ts";

const UID = "11111111-2222-3333-4444-555555555555";

test("rules by name hold for what only the API server names", () => {
  const pods = new NodePods();
  pods.replaceAll([{ ...pod("web", []), nodeUid: UID }]);
  const rules = [{ match: { namespace: "shop" }, set: { policy: "noop" as const } }];
  // Nothing else is needed to say who a cgroup is.
  const tools = {
    config: { ...defaults, rules },
    names: new ContainerNames(),
    pods,
  } as unknown as SurveyTools;
  const { identity, policy } = new Survey(tools).identify(`/kubepods/pod${UID}`);
  expect([identity.pod, policy]).toEqual(["web", "noop"]);
});
