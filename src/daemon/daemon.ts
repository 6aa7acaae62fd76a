import type { SysError } from "../../ffi/sys-error.ts";
import { Reclaimer } from "../act/reclaimer.ts";
import { Armer } from "../arm/armer.ts";
import type { Hierarchy, MemoryReader } from "../cgroup/hierarchy.ts";
import type { Config } from "../config/config.ts";
import { compileRules } from "../config/rules.ts";
import { ContainerNames } from "../discover/container-names.ts";
import { ContainerdSource } from "../discover/containerd/source.ts";
import { identifyCgroup } from "../discover/identify.ts";
import { Roots } from "../discover/roots.ts";
import { CgroupTree } from "../discover/tree.ts";
import type { ClusterAccess } from "../kubernetes/cluster-access.ts";
import type { IncidentKind } from "../record/incident.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Log } from "../report/log.ts";
import { logIncident } from "../report/reporter.ts";
import type { GuardCounts } from "../report/status-text.ts";
import { SentinelHandle } from "../sentinel/handle.ts";
import type { FromSentinel } from "../sentinel/protocol.ts";
import { Cluster } from "./cluster.ts";

/** What the daemon is made with. */
export interface DaemonParts {
  readonly config: Config;
  readonly log: Log;
  readonly hierarchy: Hierarchy;
  readonly reader: MemoryReader;
  readonly recorder: Recorder;
  readonly sentinelUrl: string;
  readonly blackBoxFd: number;
  readonly kernelRelease: string;
  readonly clusterAccess: ClusterAccess;
  /** The guard can no longer do its work and must be started anew. */
  readonly onFatal: (reason: string) => void;
  /** Called once a second, from a timer that runs anyway. */
  readonly onTick: () => void;
}

const PROC = "/proc";
const TICK_MS = 1000;
// With rules that go by name, a container that was there before us is armed when its name is known, or after this.
const NAMES_WAIT_MS = 2000;
const SENTINEL_STOP_MS = 500;
const SOURCES_STOP_MS = 200;

/** The main thread's work: discovers, arms, records and reports, until it is stopped. */
export class Daemon {
  readonly #parts: DaemonParts;
  readonly #names = new ContainerNames();
  readonly #cluster: Cluster;
  readonly #sources: readonly ContainerdSource[];
  readonly #armer: Armer;
  readonly #reclaimer: Reclaimer;
  readonly #tree: CgroupTree;
  readonly #sentinel: SentinelHandle;
  readonly #timers: readonly Timer[];
  readonly #incidents: Record<IncidentKind, number> = { kill: 0, "would-kill": 0, "kernel-oom": 0, stuck: 0 };
  #config: Config;

  private constructor(parts: DaemonParts, sentinel: SentinelHandle) {
    const { config, log, hierarchy, reader } = parts;
    this.#parts = parts;
    this.#config = config;
    this.#sentinel = sentinel;
    this.#cluster = new Cluster(
      parts.clusterAccess,
      this.#names,
      () => parts.recorder.outbox(performance.now()),
      log,
    );
    this.#armer = new Armer(
      {
        hierarchy,
        identify: (cgroup) => identifyCgroup(cgroup, this.#names, this.#cluster.pods),
        onIdentified: (cgroup, identity) => this.#cluster.identified(cgroup, identity),
        send: (message) => sentinel.send(message),
        onTrouble: (kind, cause, message) => log.once(kind, cause, "warn", message),
      },
      compileRules(config),
    );
    this.#reclaimer = new Reclaimer(hierarchy, reader, config.reclaim, (cgroup, outcome, freedBytes) => {
      log.debug(`reclaim ${outcome}`, { cgroup, freedBytes });
      if (this.#reclaimer.kernelRefuses) {
        log.once(
          "reclaim-refused",
          "reclaim",
          "info",
          "this kernel does not reclaim a cgroup with processes in it: it is not asked any more",
        );
      }
    });
    this.#tree = new CgroupTree(hierarchy.mount, new Roots(config.cgroupRoots), {
      onAdded: (cgroup) => this.#armer.refresh(cgroup),
      onRemoved: (cgroup) => {
        this.#armer.forget(cgroup);
        this.#reclaimer.forget(cgroup);
      },
      onWritten: (cgroup, file) => {
        if (file === "memory.limit_in_bytes" || file === "memory.use_hierarchy") this.#armer.refresh(cgroup);
      },
      onTrouble: (error) => this.#treeTrouble(error),
    });
    this.#sources = config.runtime.sockets.map((socket) => this.#source(socket));
    for (const names of [this.#names, this.#cluster.pods])
      names.onChange((change) => this.#armer.namesChanged(change));
    this.#timers = [
      setInterval(() => this.#resync(), config.resyncMs),
      setInterval(() => {
        this.#retryStore();
        // Walking 250 cgroups takes some 5 ms.
        if (this.#tree.isBlind) this.#tree.resync();
        parts.onTick();
      }, TICK_MS),
    ];
  }

  /** Starts everything; resolves when all that is there is armed. */
  static async start(parts: DaemonParts): Promise<Daemon> {
    const { hierarchy, kernelRelease, blackBoxFd } = parts;
    let daemon: Daemon | null = null;
    const early: FromSentinel[] = [];
    const sentinel = await SentinelHandle.spawn(
      parts.sentinelUrl,
      { cgroupVersion: hierarchy.version, mount: hierarchy.mount, procRoot: PROC, kernelRelease, blackBoxFd },
      (message) => (daemon === null ? early.push(message) : daemon.#told(message)),
      (reason) => parts.onFatal(`the sentinel thread ended: ${reason}`),
    );
    daemon = new Daemon(parts, sentinel);
    for (const message of early) daemon.#told(message);
    for (const source of daemon.#sources) source.start();
    if (needsNames(parts.config)) await daemon.#waitForNames();
    daemon.#tree.resync();
    await daemon.settled();
    daemon.#cluster.introduce();
    // An earlier process may have left some.
    daemon.#cluster.wake();
    return daemon;
  }

  /** How many cgroups are armed. */
  get watchedCount(): number {
    return this.#armer.armedCount;
  }

  /** What it guards, and what has happened since it was started. */
  get counts(): GuardCounts {
    return {
      cgroups: this.watchedCount,
      incidents: this.#incidents,
      unstored: this.#parts.recorder.waiting,
      waitingEvents: this.#cluster.waitingEvents,
    };
  }

  /** Resolves when the sentinel thread answers: to false when it has ended. */
  ping(): Promise<boolean> {
    return this.#sentinel.ping();
  }

  /** Resolves when all that was found until now is armed, and the sentinel thread has it. */
  async settled(): Promise<void> {
    await this.#armer.settled();
    await this.#sentinel.ping();
  }

  /** Takes over another configuration. @returns the keys that hold only after a restart */
  reconfigure(config: Config): string[] {
    const before = this.#config;
    this.#config = {
      ...config,
      stateDir: before.stateDir,
      cgroupMount: before.cgroupMount,
      runtime: before.runtime,
    };
    this.#parts.log.setLevel(config.logLevel);
    this.#reclaimer.configure(config.reclaim);
    this.#armer.applyRules(compileRules(config));
    this.#tree.resync(new Roots(config.cgroupRoots));
    this.#cluster.reconfigure(config.kubernetes);
    const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
    const fixed: [string, unknown, unknown][] = [
      ["state_dir", before.stateDir, config.stateDir],
      ["cgroup_mount", before.cgroupMount, config.cgroupMount],
      ["log_format", before.logFormat, config.logFormat],
      ["resync", before.resyncMs, config.resyncMs],
      ["runtime", before.runtime, config.runtime],
    ];
    return fixed.flatMap(([key, old, now]) => (same(old, now) ? [] : [key]));
  }

  /** Stops guarding and gives back what it holds. @returns whether everything that happened was recorded */
  async stop(): Promise<boolean> {
    for (const timer of this.#timers) clearInterval(timer);
    const stopped = await this.#sentinel.stop(SENTINEL_STOP_MS);
    // That it has ended by itself is said already.
    if (!stopped && !this.#sentinel.isDead)
      this.#parts.log.warn("sentinel-not-stopped", "the sentinel thread did not confirm its end");
    this.#tree.close();
    const sources = Promise.all([this.#cluster.stop(), ...this.#sources.map((source) => source.stop())]);
    await Promise.race([sources, Bun.sleep(SOURCES_STOP_MS)]);
    return stopped;
  }

  #source(socket: string): ContainerdSource {
    const { log, hierarchy } = this.#parts;
    const key = `containerd ${socket}`;
    return new ContainerdSource({
      socket,
      namespaces: this.#config.runtime.namespaces,
      names: this.#names,
      procRoot: PROC,
      hierarchy: hierarchy.version,
      callbacks: {
        // A node has one runtime, the defaults name two: a socket that is not there is no reason to worry.
        onOutage: (error) =>
          log.once(
            "runtime-outage",
            key,
            error.reason === "absent" ? "info" : "warn",
            `no container names: ${error.message}`,
          ),
        onRecovered: (outageMs) =>
          log.resolved(
            "runtime-recovered",
            key,
            "info",
            `container names from ${socket} again, after ${Math.round(outageMs)} ms`,
          ),
        onTruncated: (namespace, rejected) =>
          log.once(
            "names-truncated",
            `truncated ${socket} ${namespace}`,
            "warn",
            `${rejected} containers of ${namespace} are left without names: too many`,
          ),
      },
    });
  }

  async #waitForNames(): Promise<void> {
    const until = performance.now() + NAMES_WAIT_MS;
    while (performance.now() < until && this.#sources.some((source) => !source.connected))
      await Bun.sleep(10);
    if (this.#sources.some((source) => source.connected)) return;
    this.#parts.log.warn(
      "rules-without-names",
      "rules go by name, but no runtime has told any name yet: until then such rules match nothing",
    );
  }

  #resync(): void {
    this.#tree.resync();
    this.#armer.refreshAll();
    for (const source of this.#sources) void source.resync();
    this.#cluster.wake();
  }

  #retryStore(): void {
    const { recorder } = this.#parts;
    if (recorder.waiting === 0) return;
    recorder.retry(performance.now());
    this.#cluster.wake();
  }

  #treeTrouble(error: SysError): void {
    const limit = error.syscall === "inotify_init1" ? "max_user_instances" : "max_user_watches";
    const fix = `new cgroups are looked for every second; raise fs.inotify.${limit}, or end what uses them up`;
    this.#parts.log.once(
      "tree-not-watched",
      `inotify ${error.code}`,
      "warn",
      `cannot watch the cgroup tree (${error.message}): ${fix}`,
    );
  }

  #told(message: FromSentinel): void {
    const { log, recorder } = this.#parts;
    switch (message.type) {
      case "incident":
        this.#incidents[message.incident.kind]++;
        recorder.record(message.incident, message.blackBoxSlot, performance.now());
        logIncident(log, message.incident);
        this.#cluster.wake();
        break;
      case "dead":
        recorder.setDead(message.id, message.deadMillis, performance.now());
        log.debug(`the victims are dead after ${message.deadMillis} ms`, { incident: message.id });
        break;
      case "near": {
        const cgroup = this.#armer.cgroupAt(message.slot);
        if (cgroup !== undefined)
          this.#reclaimer.near(cgroup, this.#armer.marginBytes(cgroup), performance.now());
        break;
      }
      case "released":
        this.#armer.released(message);
        break;
      case "trouble":
        log.once(message.kind, message.key, "warn", message.message);
        break;
      case "settled":
        log.resolved("settled", message.key, "debug", `settled: ${message.key}`);
        break;
      case "ready":
      case "pong":
      case "failed":
      case "stopped":
        break;
    }
  }
}

function needsNames({ rules }: Config): boolean {
  return rules.some(({ match }) => match.namespace ?? match.pod ?? match.container);
}
