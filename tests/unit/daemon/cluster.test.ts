import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { Cluster } from "../../../src/daemon/cluster.ts";
import { ContainerNames } from "../../../src/discover/container-names.ts";
import { ClusterAccess } from "../../../src/kubernetes/cluster-access.ts";
import { IncidentStore } from "../../../src/record/store.ts";
import { createLog } from "../../../src/report/log.ts";
import { until } from "../../support/until.ts";
import { incident } from "../record/incidents.ts";
import { scratch } from "../record/tiny-disk.ts";

test("a store that cannot be written is said, and so is its end; that incidents are not stored is said besides", async () => {
  using directory = scratch();
  const store = IncidentStore.open(directory.path);
  if (!store.ok) throw store.error;
  const lines: string[] = [];
  const target = { isTty: false, isJournal: false, write: (line: string) => lines.push(line) > 0 };
  const log = createLog({ format: "text", level: "info", env: {}, target });
  const access = new ClusterAccess({ kubeconfig: "off", nodeName: "auto" }, {});
  const cluster = new Cluster(access, new ContainerNames(), () => store.value.outbox, log);
  const said = (part: string) => lines.filter((line) => line.includes(part)).length;

  const pending = { state: "pending", attempts: 0, name: null, reason: null } as const;
  store.value.insert(incident({ event: pending, podUid: "uid" }));
  const other = new Database(join(directory.path, "incidents.db"));
  other.run("BEGIN IMMEDIATE");
  cluster.wake();
  await until("the trouble is said", () => said("Events wait for the incident store") === 1);
  log.once("store-failed", "store locked", "error", "incidents are kept in memory only");
  expect(said("incidents are kept in memory only")).toBe(1);
  other.run("COMMIT");
  await until("its end is said", () => said("taken from the incident store again") === 1);

  await cluster.stop();
  other.close();
  store.value.close();
});

test("what was wrong with one kubeconfig is said of the next one too", () => {
  const lines: string[] = [];
  const target = { isTty: false, isJournal: false, write: (line: string) => lines.push(line) > 0 };
  const log = createLog({ format: "text", level: "info", env: {}, target });
  const settings = (kubeconfig: string) => ({ kubeconfig, nodeName: "auto" });
  const cluster = new Cluster(
    new ClusterAccess(settings("/nowhere/a"), {}),
    new ContainerNames(),
    () => null,
    log,
  );
  cluster.introduce();
  for (const path of ["/nowhere/b", "/nowhere/b", "/nowhere/c"]) cluster.reconfigure(settings(path));
  expect(lines.map((line) => /nowhere\/(\w)/.exec(line)?.[1])).toEqual(["a", "b", "c"]);
});
