import { Reclaimer } from "../act/reclaimer.ts";
import { Armer } from "../arm/armer.ts";
import type { Hierarchy, MemoryReader, ReclaimOutcome } from "../cgroup/hierarchy.ts";
import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { takeOver } from "../config/restart.ts";
import { compileRules, goByName } from "../config/rules.ts";
import { ContainerNames } from "../discover/container-names.ts";
import { identifyCgroup } from "../discover/identify.ts";
import { Roots } from "../discover/roots.ts";
import type { CgroupTree } from "../discover/tree.ts";
import type { ClusterAccess } from "../kubernetes/cluster-access.ts";
import type { Left, Recorder } from "../record/recorder.ts";
import type { Log } from "../report/log.ts";
import { Metrics } from "../report/metrics/metrics.ts";
import type { GuardCounts } from "../report/status-text.ts";
import { SentinelHandle } from "../sentinel/handle.ts";
import type { FromSentinel } from "../sentinel/protocol.ts";
import { Chores } from "./chores.ts";
import { Cluster } from "./cluster.ts";
import { followTree } from "./follow-tree.ts";
import { Inbox } from "./inbox.ts";
import { KernelWatch } from "./kernel-watch.ts";
import { metricSources } from "./metric-sources.ts";
import { Runtimes } from "./runtimes.ts";

/** What the daemon is made with. */
export interface DaemonParts {
  readonly config: Config;
  readonly log: Log;
  readonly hierarchy: Hierarchy;
  readonly reader: MemoryReader;
  readonly recorder: Recorder;
  /** The kernel's kills that an earlier process has left in the black box. */
  readonly counted: readonly Left[];
  readonly sentinelUrl: string;
  readonly blackBoxFd: number;
  readonly kernelRelease: string;
  readonly clusterAccess: ClusterAccess;
  /** The guard can no longer do its work and must be started anew. */
  readonly onFatal: (reason: string) => void;
  /** Called when all that is there is armed and the sentinel is warm, before it rehearses once more. */
  readonly onWarm: () => void;
  /** Called when what the counts tell may have changed, and now and then. @param goneCount how many cgroups have come and gone */
  readonly onTick: (goneCount: number) => void;
}

const PROC = "/proc";
const SENTINEL_STOP_MS = 500;
const SOURCES_STOP_MS = 200;

/** The main thread's work: discovers, arms, records and reports, until it is stopped. */
export class Daemon {
  readonly #parts: DaemonParts;
  readonly #names = new ContainerNames();
  readonly #cluster: Cluster;
  readonly #runtimes: Runtimes;
  readonly #armer: Armer;
  readonly #reclaimer: Reclaimer;
  readonly #tree: CgroupTree;
  readonly #sentinel: SentinelHandle;
  readonly #metrics: Metrics;
  readonly #inbox: Inbox;
  readonly #kernelWatch: KernelWatch;
  readonly #chores: Chores;
  readonly #resyncTimer: Timer;
  #settling: Timer | undefined;
  #config: Config;

  private constructor(parts: DaemonParts, sentinel: SentinelHandle) {
    const { config, log, hierarchy, reader } = parts;
    this.#parts = parts;
    this.#config = config;
    this.#chores = new Chores({
      clock: systemClock,
      run: () => this.#doChores(),
      isWaiting: () => this.#isChoreLeft,
    });
    this.#sentinel = sentinel;
    this.#cluster = new Cluster(
      parts.clusterAccess,
      this.#names,
      () => parts.recorder.outbox(performance.now()),
      log,
    );
    const identify = (cgroup: string) => identifyCgroup(cgroup, this.#names, this.#cluster.pods);
    const rules = compileRules(config);
    this.#kernelWatch = new KernelWatch(
      {
        stateDir: config.stateDir,
        procRoot: PROC,
        hierarchy,
        recorder: parts.recorder,
        log,
        identify,
        record: (incident, slots) => this.#inbox.record(incident, slots),
        onNews: () => this.#chores.stir(),
      },
      { rules, roots: new Roots(config.cgroupRoots) },
    );
    this.#armer = new Armer(
      {
        hierarchy,
        identify,
        onIdentified: (cgroup, identity) => {
          this.#cluster.identified(cgroup, identity);
          this.#kernelWatch.identified(cgroup, identity);
          this.#chores.stir();
        },
        send: (message) => sentinel.send(message),
        onTrouble: (kind, cause, message) => log.once(kind, cause, "warn", message),
      },
      rules,
    );
    this.#reclaimer = new Reclaimer(hierarchy, reader, config.reclaim, (cgroup, outcome, freedBytes) =>
      this.#reclaimed(cgroup, outcome, freedBytes),
    );
    this.#tree = followTree(hierarchy, config.cgroupRoots, this.#armer, this.#reclaimer, log);
    this.#runtimes = new Runtimes(
      config.runtime,
      { names: this.#names, procRoot: PROC, hierarchy: hierarchy.version },
      log,
    );
    const watched = {
      armer: this.#armer,
      cluster: this.#cluster,
      sentinel,
      kernelWatch: this.#kernelWatch,
    };
    this.#metrics = new Metrics(metricSources({ ...parts, ...watched, procRoot: PROC }), log);
    this.#metrics.configure(config.metrics);
    this.#inbox = new Inbox({
      log,
      metrics: this.#metrics,
      recorder: parts.recorder,
      cluster: this.#cluster,
      armer: this.#armer,
      reclaimer: this.#reclaimer,
      kernelKills: this.#kernelWatch.kills,
    });
    for (const names of [this.#names, this.#cluster.pods])
      names.onChange((change) => this.#armer.namesChanged(change));
    this.#resyncTimer = setInterval(() => this.#resync(), config.resyncMs);
  }

  /** Starts everything; resolves when all that is there is armed. */
  static async start(parts: DaemonParts): Promise<Daemon> {
    const { hierarchy, kernelRelease, blackBoxFd } = parts;
    const sentinel = SentinelHandle.spawn(
      parts.sentinelUrl,
      {
        cgroupVersion: hierarchy.version,
        mount: hierarchy.mount,
        procRoot: PROC,
        kernelRelease,
        blackBoxFd,
        blackBoxFirst: Math.max(-1, ...parts.counted.map(({ slot }) => slot)) + 1,
      },
      (message) => daemon.#receive(message),
      (reason) => parts.onFatal(`the sentinel thread ended: ${reason}`),
    );
    const daemon: Daemon = new Daemon(parts, sentinel);
    // While main arms, and when the thread has nothing else to do: on two cores a start with 250 cgroups takes 20 ms more for it,
    // and its first kills a millisecond less.
    const warm = daemon.#sentinel.rehearse("first");
    daemon.#kernelWatch.start(parts.counted);
    const isByName = goByName(parts.config.rules);
    // Names may take seconds, and nobody guards without the thread: should it fail, that is known first.
    if (isByName) await daemon.#sentinelReady();
    daemon.#runtimes.start();
    if (isByName) await daemon.#runtimes.waitForNames();
    // While the thread is loaded.
    daemon.#tree.resync();
    await daemon.#sentinelReady();
    await daemon.settled();
    await daemon.#kernelWatch.settled();
    hierarchy.tidy();
    daemon.#cluster.introduce();
    // An earlier process may have left some.
    daemon.#cluster.wake();
    daemon.#chores.stir();
    daemon.#settling = setTimeout(() => daemon.#settleDown(warm));
    return daemon;
  }

  /** How many cgroups are armed. */
  get watchedCount(): number {
    return this.#armer.armedCount;
  }

  /** How many cgroups have something in them that is taken back at the end. */
  get heldCount(): number {
    return this.#parts.hierarchy.heldCount;
  }

  /** What it guards, and what has happened since it was started. */
  get counts(): GuardCounts {
    return {
      cgroups: this.watchedCount,
      incidents: this.#inbox.incidents,
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
    await this.#metrics.settled();
  }

  /** Takes over another configuration. @returns the keys that hold only after a restart */
  reconfigure(config: Config): string[] {
    const { config: inForce, later } = takeOver(this.#config, config);
    this.#config = inForce;
    this.#parts.log.setLevel(config.logLevel);
    this.#reclaimer.configure(config.reclaim);
    const rules = compileRules(config);
    const roots = new Roots(config.cgroupRoots);
    this.#kernelWatch.configure({ rules, roots });
    this.#armer.applyRules(rules);
    this.#tree.resync(roots);
    this.#cluster.reconfigure(config.kubernetes);
    this.#metrics.configure(config.metrics);
    this.#chores.stir();
    return later;
  }

  /** Stops guarding and gives back what it holds. @returns whether everything that happened was recorded */
  async stop(): Promise<boolean> {
    clearInterval(this.#resyncTimer);
    clearTimeout(this.#settling);
    this.#chores.stop();
    const stopped = await this.#sentinel.stop(SENTINEL_STOP_MS);
    // That it has ended by itself is said already.
    if (!stopped && !this.#sentinel.isDead)
      this.#parts.log.warn("sentinel-not-stopped", "the sentinel thread did not confirm its end");
    const recorded = this.#kernelWatch.stop();
    this.#tree.close();
    await this.#parts.hierarchy.letAllGo();
    const sources = Promise.all([this.#metrics.stop(), this.#cluster.stop(), this.#runtimes.stop()]);
    await Promise.race([sources, Bun.sleep(SOURCES_STOP_MS)]);
    return stopped && recorded;
  }

  async #sentinelReady(): Promise<void> {
    try {
      await this.#sentinel.ready;
    } catch (error) {
      await this.#parts.hierarchy.letAllGo();
      throw error;
    }
  }

  /** Nobody who waits for the guard need wait for that. */
  async #settleDown(warm: Promise<boolean>): Promise<void> {
    if (!(await warm) || !(await this.#sentinel.rehearse("rest"))) return;
    this.#parts.onWarm();
    if (await this.#sentinel.rehearse("touch")) this.#parts.log.debug("the sentinel is warm");
  }

  #receive(message: FromSentinel): void {
    this.#inbox.receive(message);
    this.#chores.stir();
  }

  #doChores(): void {
    this.#retryStore();
    this.#kernelWatch.tick();
    // Walking 250 cgroups takes some 5 ms.
    if (this.#tree.isBlind) this.#lookAtAll();
    this.#metrics.tick(performance.now());
    this.#parts.onTick(this.#armer.goneCount);
  }

  get #isChoreLeft(): boolean {
    return (
      this.#parts.recorder.waiting > 0 ||
      (this.#cluster.waitingEvents ?? 0) > 0 ||
      this.#kernelWatch.isWaiting ||
      this.#tree.isBlind ||
      this.#metrics.isWaiting
    );
  }

  #reclaimed(cgroup: string, outcome: ReclaimOutcome, freedBytes: number): void {
    const { log } = this.#parts;
    log.debug(`reclaim ${outcome}`, { cgroup, freedBytes });
    if (outcome === "done" || outcome === "cut-off") this.#metrics.reclaimed(freedBytes);
    if (!this.#reclaimer.kernelRefuses) return;
    log.once(
      "reclaim-refused",
      "reclaim",
      "info",
      "this kernel does not reclaim a cgroup with processes in it: it is not asked any more",
    );
  }

  #lookAtAll(): void {
    this.#tree.resync();
    this.#armer.refreshAll();
  }

  #resync(): void {
    this.#lookAtAll();
    // What could not be given back when it was due.
    this.#parts.hierarchy.tidy();
    this.#runtimes.resync();
    this.#cluster.wake();
  }

  #retryStore(): void {
    const { recorder } = this.#parts;
    if (recorder.waiting === 0) return;
    recorder.retry(performance.now());
    this.#cluster.wake();
  }
}
