import { beforeEach, expect, test } from "bun:test";
import type { Identity } from "../../../src/discover/identity.ts";
import { Owners } from "../../../src/kernel-oom/owners.ts";
import { APP, identity, POD } from "./kills.ts";

/** What paths and names tell now. */
let told: Map<string, Identity>;
let owners: Owners;
beforeEach(() => {
  told = new Map();
  owners = new Owners((cgroup) => told.get(cgroup) ?? identity());
});

const pod = { namespace: "default", pod: "web-0", podUid: "uid" };
const app = identity({ kind: "container", ...pod, container: "app", containerId: "id" });
const bare = identity({ kind: "container", podUid: "uid", containerId: "id" });

test("a container is its own owner, and that of what is in it", () => {
  told.set(APP, app);
  expect(owners.of(APP, 0)).toEqual({ identity: app, container: APP });
  expect(owners.of(`${APP}/job/1`, 0)).toEqual({ identity: { ...app, kind: "other" }, container: APP });
});

test("a pod, and what is in no container, has no container", () => {
  told.set(POD, identity({ kind: "pod", ...pod }));
  expect(owners.of(POD, 0).container).toBeNull();
  expect(owners.of(`${POD}/odd`, 0)).toEqual({ identity: identity(pod), container: null });
  expect(owners.of("/system.slice/sshd.service", 0)).toEqual({ identity: identity(), container: null });
});

test("one that is gone is remembered for five minutes, with what is below it", () => {
  owners.identified(APP, app, 0);
  owners.identified(APP, null, 1000);
  expect(owners.of(APP, 301_000)).toEqual({ identity: app, container: APP });
  expect(owners.of(`${APP}/job`, 301_000).identity).toMatchObject({ pod: "web-0", container: "app" });
  expect(owners.of(APP, 301_001).identity).toEqual(identity());
});

test("names that go before the cgroup are remembered too; what is better known now counts", () => {
  owners.identified(APP, app, 0);
  owners.identified(APP, bare, 1);
  told.set(APP, bare);
  expect(owners.of(APP, 2).identity).toEqual(app);
  owners.identified(POD, identity({ podUid: "uid" }), 0);
  told.set(POD, identity({ kind: "pod", ...pod }));
  expect(owners.of(POD, 2).identity).toMatchObject(pod);
});

test("a container nobody has named has the names of its pod, but not of another pod or container", () => {
  told.set(POD, identity({ kind: "pod", ...pod }));
  told.set(APP, bare);
  expect(owners.of(APP, 0).identity).toEqual({ ...bare, ...pod });
  told.set(APP, { ...bare, podUid: "other" });
  expect(owners.of(APP, 0).identity).toEqual({ ...bare, podUid: "other" });
  told.set(APP, app);
  told.set(`${APP}/docker/inner`, identity({ kind: "container", containerId: "inner" }));
  expect(owners.of(`${APP}/docker/inner`, 0)).toMatchObject({
    identity: { pod: "web-0", container: null, containerId: "inner" },
    container: `${APP}/docker/inner`,
  });
});

test("of those that are gone a thousand are remembered, the last ones", () => {
  for (let i = 0; i <= 1000; i++) {
    owners.identified(`/${i}`, app, i);
    owners.identified(`/${i}`, null, i);
  }
  expect(owners.of("/0", 1000).identity).toEqual(identity());
  expect(owners.of("/1", 1000).identity).toEqual(app);
  expect([...owners.cgroups()]).toEqual([]);
});
