import type { TestGuard } from "../support/guard.ts";
import { until } from "../support/until.ts";
import type { Arena } from "./arena.ts";
import type { LeakRun, Leaks, Load } from "./leak.ts";
import type { Stage } from "./stage.ts";

/** Somebody who is to end leaks before the kernel does. */
export interface Contestant {
  readonly name: string;
  /** Lets one leak loose, and returns when the next one may come. */
  run(arena: Arena, load: Load, isStamped: boolean): Promise<LeakRun>;
}

const TOLD = /the victims are dead|kernel's OOM killer killed/g;

/** A running oom-guard: it stays for all leaks, as it does on a node. */
export function oomGuard(name: string, guard: TestGuard, leaks: Leaks): Contestant {
  const toldCount = () => guard.text.match(TOLD)?.length ?? 0;
  return {
    name,
    async run(arena, load, isStamped) {
      const before = toldCount();
      const run = await leaks.run(arena, load, isStamped);
      // A leak that comes while the last one is still dying has to wait for its turn.
      await until("the guard has told of the leak", () => toldCount() > before, 3000).catch(() => undefined);
      return run;
    },
  };
}

/**
 * The least a guard can be (native/guard.c). It is started when the leak is ready to go, as it ends with its kill; one
 * that watched before would have killed who fills the page cache.
 */
export function cFloor(name: string, stage: Stage, leaks: Leaks): Contestant {
  return {
    name,
    async run(arena, load, isStamped) {
      let guard: Bun.Subprocess<"ignore", "pipe", "inherit"> | undefined;
      try {
        return await leaks.run(arena, load, isStamped, async () => {
          guard = startFloor(stage, arena);
          await guard.stdout.getReader().read();
        });
      } finally {
        guard?.kill("SIGKILL");
        await guard?.exited;
      }
    },
  };
}

/** Nobody: the kernel's own OOM killer. */
export function nobody(leaks: Leaks): Contestant {
  return { name: "no guard", run: (arena, load, isStamped) => leaks.run(arena, load, isStamped) };
}

function startFloor(stage: Stage, arena: Arena) {
  return Bun.spawn([stage.program("guard"), arena.cgroup.directory, String(arena.thresholdBytes)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}
