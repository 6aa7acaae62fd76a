import { describe, expect, test } from "bun:test";
import { classify, type PathClass } from "../../../src/discover/classify.ts";

const ID = "3f4a".repeat(16);
const OTHER_ID = "0c1d".repeat(16);
const UID = "0a1b2c3d-1111-2222-3333-444455556666";
const UID_ = UID.replaceAll("-", "_");
const STATIC_UID = "9f".repeat(16);
const SLICE = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice`;

const other = { kind: "other", podUid: null, containerId: null, qos: null } as const;
const burstable = { podUid: UID, qos: "Burstable" } as const;

describe("classify", () => {
  test.each<[string, string, PathClass]>([
    // kubelet, cgroupfs driver
    ["a burstable pod", `/kubepods/burstable/pod${UID}`, { kind: "pod", containerId: null, ...burstable }],
    [
      "a best-effort pod",
      `/kubepods/besteffort/pod${UID}`,
      { kind: "pod", podUid: UID, containerId: null, qos: "BestEffort" },
    ],
    [
      "a guaranteed pod has no class in its path",
      `/kubepods/pod${UID}`,
      { kind: "pod", podUid: UID, containerId: null, qos: "Guaranteed" },
    ],
    [
      "a static pod's UID is a hash",
      `/kubepods/burstable/pod${STATIC_UID}`,
      { kind: "pod", podUid: STATIC_UID, containerId: null, qos: "Burstable" },
    ],
    [
      "a container",
      `/kubepods/burstable/pod${UID}/${ID}`,
      { kind: "container", containerId: ID, ...burstable },
    ],
    [
      "a guaranteed pod's container",
      `/kubepods/pod${UID}/${ID}`,
      { kind: "container", podUid: UID, containerId: ID, qos: "Guaranteed" },
    ],
    [
      "a container of CRI-O",
      `/kubepods/burstable/pod${UID}/crio-${ID}`,
      { kind: "container", containerId: ID, ...burstable },
    ],
    [
      "CRI-O's monitor is no container",
      `/kubepods/burstable/pod${UID}/crio-conmon-${ID}`,
      { kind: "other", containerId: null, ...burstable },
    ],
    [
      "below a kubelet's own cgroup root",
      `/docker/${OTHER_ID}/kubelet/kubepods/burstable/pod${UID}/${ID}`,
      { kind: "container", containerId: ID, ...burstable },
    ],
    [
      "a pod in a node that is a container is not that container",
      `/docker/${OTHER_ID}/kubelet/kubepods/burstable/pod${UID}`,
      { kind: "pod", containerId: null, ...burstable },
    ],
    [
      "a cgroup a container made keeps the container's ids",
      `/kubepods/burstable/pod${UID}/${ID}/init.scope`,
      { kind: "other", containerId: ID, ...burstable },
    ],
    [
      "an unknown child of a pod keeps the pod's",
      `/kubepods/burstable/pod${UID}/kata_overhead`,
      { kind: "other", containerId: null, ...burstable },
    ],
    // kubelet, systemd driver
    ["a pod's slice", SLICE, { kind: "pod", containerId: null, ...burstable }],
    [
      "a guaranteed pod's slice",
      `/kubepods.slice/kubepods-pod${UID_}.slice`,
      { kind: "pod", podUid: UID, containerId: null, qos: "Guaranteed" },
    ],
    [
      "a best-effort pod's slice",
      `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID_}.slice`,
      { kind: "pod", podUid: UID, containerId: null, qos: "BestEffort" },
    ],
    [
      "a pod's slice below a cgroup root",
      `/my.slice/my-kubepods.slice/my-kubepods-burstable.slice/my-kubepods-burstable-pod${UID_}.slice`,
      { kind: "pod", containerId: null, ...burstable },
    ],
    [
      "containerd's scope",
      `${SLICE}/cri-containerd-${ID}.scope`,
      { kind: "container", containerId: ID, ...burstable },
    ],
    ["CRI-O's scope", `${SLICE}/crio-${ID}.scope`, { kind: "container", containerId: ID, ...burstable }],
    [
      "CRI-O's monitor's scope is no container",
      `${SLICE}/crio-conmon-${ID}.scope`,
      { kind: "other", containerId: null, ...burstable },
    ],
    [
      "a cgroup inside a scope",
      `${SLICE}/crio-${ID}.scope/container`,
      { kind: "other", containerId: ID, ...burstable },
    ],
    // Docker
    ["Docker, cgroupfs", `/docker/${ID}`, { kind: "container", podUid: null, containerId: ID, qos: null }],
    [
      "Docker, systemd",
      `/system.slice/docker-${ID}.scope`,
      { kind: "container", podUid: null, containerId: ID, qos: null },
    ],
    [
      "Docker below a parent",
      "/p/docker/0123abcd",
      { kind: "container", podUid: null, containerId: "0123abcd", qos: null },
    ],
    [
      "Docker in Docker is the inner container",
      `/docker/${OTHER_ID}/docker/${ID}`,
      { kind: "container", podUid: null, containerId: ID, qos: null },
    ],
    [
      "dockershim's container in a pod's slice",
      `${SLICE}/docker-${ID}.scope`,
      { kind: "container", containerId: ID, ...burstable },
    ],
    // Everything else
    ["the root", "/", other],
    ["an empty path", "", other],
    ["all pods", "/kubepods", other],
    ["all pods of a class", "/kubepods/burstable", other],
    ["all pods' slice", "/kubepods.slice/kubepods-burstable.slice", other],
    ["Docker's parent", "/docker", other],
    ["something else of Docker's", "/docker/buildx", other],
    ["a service", "/system.slice/sshd.service", other],
    ["an id below no parent we know", `/foo/${ID}`, other],
    ["a pod below no parent we know", `/foo/pod${UID}`, other],
    ["an id too short to be one", "/docker/abc", other],
    ["a scope that only looks like one", "/system.slice/docker-thing.scope", other],
  ])("%s: %s", (_, path, expected) => {
    expect(classify(path)).toEqual(expected);
  });
});
