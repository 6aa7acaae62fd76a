import type { Config } from "../config/config.ts";
import { locateMemory } from "../discover/locate-memory.ts";
import type { MemoryMount } from "../discover/mount.ts";
import { exitCode, UserError } from "./exit.ts";

/** Where the memory controller is mounted. @throws UserError where it is not */
export function memoryMount(config: Config): MemoryMount {
  const located = locateMemory(config.cgroupMount, "/proc");
  if (located.ok) return located.mount;
  throw new UserError(`${located.problem}: ${located.fix}`, exitCode.failed);
}
