import { expect, test } from "bun:test";
import { ContainerNames } from "../../../src/discover/container-names.ts";
import { findContainer } from "../../../src/discover/find-container.ts";

const told = {
  containerId: "id",
  runtimeNamespace: "k8s.io",
  cgroup: null,
  initPid: null,
  namespace: "shop",
  pod: "web",
  podUid: "uid",
  container: "app",
  sandbox: false,
};
const found = { namespace: "shop", pod: "web", podUid: "uid", container: "app" };

test.each<[string, { containerId: string | null; podUid: string | null }, object, object | null]>([
  ["a container by its id", { containerId: "id", podUid: null }, {}, found],
  ["a container in its pod", { containerId: "id", podUid: "uid" }, {}, found],
  ["nothing where labels and path disagree", { containerId: "id", podUid: "other" }, {}, null],
  ["nothing for a container nobody told of", { containerId: "unheard", podUid: "uid" }, {}, null],
  ["nothing for a pod without a container", { containerId: null, podUid: "uid" }, {}, null],
  ["nothing without labels (Docker)", { containerId: "id", podUid: "uid" }, { namespace: null }, null],
  ["nothing without a pod's uid", { containerId: "id", podUid: "uid" }, { podUid: null }, null],
])("the runtime names %s", (_, key, change, expected) => {
  const names = new ContainerNames();
  names.upsert("socket", { ...told, ...change });
  expect(findContainer(key, names)).toEqual(expected as ReturnType<typeof findContainer>);
});
