import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestCgroup } from "../support/cgroup.ts";
import { AnswerThief } from "../support/cluster/answer-thief.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import type { Event } from "../support/cluster/objects.ts";
import { PaperPod } from "../support/cluster/paper-pod.ts";
import { CertificateAuthority } from "../support/cluster/pki.ts";
import { BINARY, TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { missingApiServer } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const NODE = "node-a";

interface ClusterRole {
  rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

describe.skipIf(missingApiServer() !== null)("what the guard may do at the API server", () => {
  const top = TestCgroup.top();
  let api: TestApiServer;
  let guard: TestGuard | null = null;
  let made = 0;

  beforeAll(async () => {
    api = await TestApiServer.start();
    await api.createNode(NODE);
    await api.kubectl(["apply", "-f", "-"], TestGuard.print("rbac"));
  });

  afterEach(async () => {
    await guard?.stop();
    guard = null;
  });

  afterAll(async () => {
    await api?.stop();
    await top.remove();
  });

  const settings = (kubeconfig: string) =>
    `[kubernetes]\nkubeconfig = "${kubeconfig}"\nnode_name = "${NODE}"\n`;

  async function start(kubeconfig: string, env: Record<string, string> = {}): Promise<TestGuard> {
    guard = await TestGuard.start({ roots: [top.path], config: settings(kubeconfig), env });
    return guard;
  }

  const pod = () => PaperPod.create(api, { root: top.path, node: NODE, name: `web-${++made}` });

  async function eventOf({ uid }: PaperPod, count = 1): Promise<Event> {
    let found: Event[] = [];
    await until(
      `an Event with count ${count}`,
      async () => {
        const events = await api.events("default", "OomGuardKillContainer");
        found = events.filter(({ involvedObject }) => involvedObject.uid === uid);
        return found[0]?.count === count;
      },
      40_000,
    );
    expect(found).toHaveLength(1);
    return found[0]!;
  }

  /** Kills in the same container twice: an Event is created, then updated. */
  async function killTwice(): Promise<void> {
    const target = await pod();
    expect(await target.leak()).toBe(137);
    await eventOf(target);
    expect(await target.leak()).toBe(137);
    const event = await eventOf(target, 2);
    expect(event.involvedObject).toMatchObject({ name: target.name, fieldPath: "spec.containers{app}" });
    expect(event.source.host).toBe(NODE);
    expect(target.cgroup.oomKills).toBe(0);
  }

  test("the credentials of the node's own kubelet, in files", async () => {
    await start(api.kubeconfig("node-files", api.nodeUser(NODE)));
    await killTwice();
  });

  test("the same inside of the kubeconfig, found through $KUBECONFIG", async () => {
    const KUBECONFIG = api.kubeconfig("node-data", api.nodeUser(NODE), { embed: true });
    await start("auto", { KUBECONFIG });
    await killTwice();
  });

  test.each([
    { policy: "process", reason: "OomGuardKillProcess", message: "killed process leak" },
    { policy: "noop", reason: "OomGuardKernelOomKill", message: "the kernel's OOM killer" },
  ])("policy $policy: the Event says $reason, and no other is made", async ({ policy, reason, message }) => {
    const kubeconfig = api.kubeconfig("reasons", api.nodeUser(NODE));
    const config = `policy = "${policy}"\n${settings(kubeconfig)}`;
    guard = await TestGuard.start({ roots: [top.path], config });
    const target = await pod();
    expect(await target.leak()).toBe(137);
    const own = async () =>
      (await api.events("default")).filter(({ involvedObject }) => involvedObject.uid === target.uid);
    await until("it is told", async () => (await own()).length > 0);
    await until("nothing waits", () => guard!.history().every(({ event }) => event.state !== "pending"));
    expect((await own()).map(({ reason, count }) => [reason, count])).toEqual([[reason, 1]]);
    expect((await own())[0]?.message).toContain(message);
  });

  test("a service account with exactly the printed rights can do everything, scan's requests included", async () => {
    const user = await api.serviceAccountUser("kube-system", "oomguard");
    const kubeconfig = api.kubeconfig("account", user);
    const { configFile } = await start(kubeconfig);
    await killTwice();
    const target = await pod();
    const scan = Bun.spawnSync([BINARY, "scan", "--json", "--config", configFile, "--cgroup-root", top.path]);
    expect(scan.stderr.toString()).toBe("");
    expect(JSON.parse(scan.stdout.toString()).cgroups).toContainEqual(
      expect.objectContaining({
        cgroup: target.cgroup.path,
        namespace: "default",
        pod: target.name,
        container: "app",
        qos: "Burstable",
        requestBytes: 10 * 2 ** 20,
        specLimitBytes: 100 * 2 ** 20,
      }),
    );
    expect(
      guard?.log.filter(({ level }) => level !== "debug" && level !== "info").map(({ msg }) => msg),
    ).toEqual(expect.not.arrayContaining([expect.stringContaining("API")]));
  });

  test("scan --enforce sends its Events itself; with the API server away they wait for the daemon", async () => {
    const kubeconfig = api.kubeconfig("enforce", api.nodeUser(NODE));
    const { configFile, stateDir } = await start(kubeconfig);
    guard?.signal("SIGTERM");
    await guard?.exited();
    const enforce = async (target: PaperPod) => {
      const leak = await startLeak({ procsFile: target.cgroup.procsFile, megabytes: 98.5, hold: true });
      await until("it is filled", () => target.cgroup.usageBytes >= 98 * 2 ** 20);
      const scan = ["scan", "--enforce", "--config", configFile, "--state-dir", stateDir];
      const { stderr } = Bun.spawnSync([BINARY, ...scan, "--cgroup-root", target.cgroup.path]);
      expect(await leak.exited).toBe(137);
      return stderr.toString();
    };
    const [now, later] = [await pod(), await pod()];
    expect(await enforce(now)).not.toContain("not sent yet");
    await eventOf(now);
    await api.stopServer();
    try {
      expect(await enforce(later)).toContain(
        '1 Event is not sent yet: the next "oom-guard run" sends what waits',
      );
    } finally {
      await api.startServer();
    }
    await guard?.restart();
    await eventOf(later);
  });

  test.each([
    { verb: "create", resource: "events" },
    { verb: "patch", resource: "events" },
    { verb: "list", resource: "pods" },
  ])(
    "without the right to $verb $resource the log says so, and with it the Event arrives",
    async ({ verb, resource }) => {
      const user = await api.serviceAccountUser("kube-system", "oomguard");
      const role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:oomguard";
      const whole = await api.request<ClusterRole>("GET", role);
      const rules = whole.rules.map((rule) =>
        rule.resources.includes(resource)
          ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) }
          : rule,
      );
      await api.request("PATCH", role, { rules: rules.filter(({ verbs }) => verbs.length > 0) });
      try {
        const { logged } = await startBound(api.kubeconfig("less", user));
        const target = await pod();
        expect(await target.leak()).toBe(137);
        // What comes into a cgroup while its kill goes on dies of that one.
        await until("it is over", () => logged("the victims are dead").length > 0);
        // Two that wait together are one POST.
        if (verb === "patch") await eventOf(target);
        expect(await target.leak()).toBe(137);
        await until("the right is named", () => logged(`let us ${verb} ${resource}`).length > 0, 30_000);
        expect(logged(`let us ${verb} ${resource}`)[0]?.msg).toContain("oom-guard print rbac");
        await api.request("PATCH", role, { rules: whole.rules });
        await eventOf(target, 2);
        expect(logged("let us")).toHaveLength(1);
      } finally {
        await api.request("PATCH", role, { rules: whole.rules });
      }
    },
  );

  async function startBound(kubeconfig: string) {
    const started = await start(kubeconfig);
    return { logged: (part: string) => started.logged(part) };
  }

  test("a token and a certificate that change on disk are used without a restart", async () => {
    const { token } = await api.serviceAccountUser("kube-system", "oomguard");
    const tokenFile = join(api.directory, "rotated-token");
    writeFileSync(tokenFile, "bm90LWEtdG9rZW4\n");
    const started = await start(api.kubeconfig("rotated", { tokenFile }));
    const first = await pod();
    expect(await first.leak()).toBe(137);
    await until("the refusal is said", () => started.logged("does not accept the token").length > 0, 20_000);
    writeFileSync(`${tokenFile}.new`, `${token}\n`);
    renameSync(`${tokenFile}.new`, tokenFile);
    await eventOf(first);
    expect(started.text).not.toContain("bm90LWEtdG9rZW4");
    expect(started.text).not.toContain(token);
    await guard?.stop();

    // As kubelet does it: one file with both, behind a symbolic link that is replaced.
    const link = join(api.directory, "kubelet-client-current.pem");
    const pair = async (name: string, commonName: string, organization: string) => {
      const { cert, key } = api.authority.issue({ commonName, organization });
      const file = join(api.directory, name);
      writeFileSync(file, `${await Bun.file(cert).text()}${await Bun.file(key).text()}`);
      return file;
    };
    symlinkSync(await pair("old.pem", "nobody", "nobodies"), link);
    const again = await start(api.kubeconfig("linked", { cert: link, key: link }));
    const second = await pod();
    expect(await second.leak()).toBe(137);
    await until("the refusal is said", () => again.logged("let us").length > 0, 20_000);
    symlinkSync(await pair("new.pem", `system:node:${NODE}`, "system:nodes"), `${link}.new`);
    renameSync(`${link}.new`, link);
    await eventOf(second);
  });

  test("a namespace that is gone, and one that is going, close the entry; the other pods' Events arrive", async () => {
    const started = await start(api.kubeconfig("gone", api.nodeUser(NODE)));
    await api.createNamespace("going");
    const doomed = await PaperPod.create(api, {
      root: top.path,
      node: NODE,
      name: "doomed",
      namespace: "going",
    });
    // Its pods' finalizers cannot end without a controller: it stays Terminating.
    await api.request("DELETE", "/api/v1/namespaces/going");
    expect(await doomed.leak()).toBe(137);
    const other = await pod();
    expect(await other.leak()).toBe(137);
    await eventOf(other);
    await until("the entry is closed", () => started.incidents(doomed.cgroup.path)[0]?.event.state === "off");
    expect(started.incidents(doomed.cgroup.path)[0]?.event.reason).toContain("namespace");
  });

  test("credentials are in no line of the log, whatever the server says and the environment asks for", async () => {
    const { token } = await api.serviceAccountUser("kube-system", "oomguard");
    const thief = await AnswerThief.start(api);
    // A server that says the token back.
    const body = JSON.stringify({ kind: "Status", message: `no: ${token}` });
    thief.inject({ answer: { status: 403, body } });
    const kubeconfig = api.kubeconfig("told", { token }, { server: thief.url });
    const started = await start(kubeconfig, { BUN_CONFIG_VERBOSE_FETCH: "curl" });
    const target = await pod();
    expect(await target.leak()).toBe(137);
    await until("the refusal is said", () => started.logged("let us").length > 0, 20_000);
    thief.stop();
    // Any part of it: messages are cut.
    const parts = token.split(".").map((part) => part.slice(0, 20));
    expect(parts.filter((part) => started.text.includes(part))).toEqual([]);
  });

  test("a crash leaves no core file, which would hold the credentials", async () => {
    const started = await start(api.kubeconfig("core", api.nodeUser(NODE)));
    const directory = mkdtempSync(join(api.directory, "core-"));
    await started.crash();
    await started.restart({}, directory);
    Bun.spawnSync(["prlimit", "--core=unlimited", "--pid", String(started.pid)]);
    started.signal("SIGABRT");
    expect(await started.exited()).toBe(134);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("with NODE_TLS_REJECT_UNAUTHORIZED=0 a stranger's certificate is refused all the same, before it is sent a token", async () => {
    const stranger = new CertificateAuthority(join(api.directory, "stranger"), "somebody else");
    const certificate = stranger.issue({ commonName: "kube-apiserver", server: true });
    const thief = await AnswerThief.start(api, certificate);
    const user = await api.serviceAccountUser("kube-system", "oomguard");
    const kubeconfig = api.kubeconfig("stranger", user, { server: thief.url });
    const started = await start(kubeconfig, { NODE_TLS_REJECT_UNAUTHORIZED: "0" });
    const target = await pod();
    expect(await target.leak()).toBe(137);
    await until("it is refused", () => started.logged("certificate-authority").length > 0, 20_000);
    thief.stop();
    expect(thief.requests).toEqual([]);
  });
});
