import type { Config } from "../config/config.ts";
import { locateMemory } from "../discover/locate-memory.ts";
import { exitCode, UserError } from "./exit.ts";

/** The directory of the cgroup v1 memory controller. @throws UserError where there is none */
export function memoryMount(config: Config): string {
  const located = locateMemory(config.cgroupMount, "/proc");
  if (located.ok) return located.mount;
  throw new UserError(`${located.problem}: ${located.fix}`, exitCode.failed);
}
