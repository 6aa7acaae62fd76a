import { expect, test } from "bun:test";
import { classify } from "../../../src/discover/classify.ts";
import { scopeOf } from "../../../src/kernel-oom/scope.ts";
import { APP, POD } from "./kills.ts";

const cgroup = { shortage: "cgroup" } as const;
const node = { shortage: "node" } as const;
const SYSTEMD_POD = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a_1b.slice";
const SYSTEMD_APP = `${SYSTEMD_POD}/cri-containerd-${"c".repeat(64)}.scope`;
const DOCKER = `/docker/${"d".repeat(64)}`;
const owner = (path: string | null) => (path === null ? null : classify(path));

test.each([
  ["the node ran out", node, null, APP, "node"],
  ["the node ran out, the victim was no pod's", node, null, "/system.slice/sshd.service", "node"],
  ["the node ran out, the victim's cgroup is not told", node, null, null, "node"],
  ["a container at its limit", cgroup, APP, APP, "container"],
  ["a cgroup inside of a container at its limit", cgroup, `${APP}/job`, `${APP}/job/1`, "container"],
  ["a container at its limit, the victim in a cgroup inside", cgroup, APP, `${APP}/job`, "container"],
  ["Docker's container at its limit", cgroup, DOCKER, DOCKER, "container"],
  ["a pod at its limit", cgroup, POD, APP, "pod"],
  ["a pod at its limit, systemd's names", cgroup, SYSTEMD_POD, SYSTEMD_APP, "pod"],
  ["all pods at their limit", cgroup, "/kubepods", APP, "node"],
  ["all pods at their limit, systemd's names", cgroup, "/kubepods.slice", SYSTEMD_APP, "node"],
  ["a class of pods at its limit", cgroup, "/kubepods/burstable", APP, "node"],
  ["what holds all of Docker's at its limit", cgroup, "/docker", DOCKER, "node"],
  ["a cgroup that is none of these, at its own limit", cgroup, "/batch/job", "/batch/job", "container"],
  ["a cgroup above, none of these either", cgroup, "/batch", "/batch/job", "container"],
  ["a limit that is not told", cgroup, null, APP, null],
] as const)("%s", (_, shortage, limit, victim, expected) => {
  expect(scopeOf(shortage, owner(limit), owner(victim))).toBe(expected);
});

test("a sandbox at its limit counts as a container", () => {
  const sandbox = { kind: "sandbox", podUid: "1", containerId: "2" } as const;
  expect(scopeOf(cgroup, sandbox, sandbox)).toBe("container");
});
