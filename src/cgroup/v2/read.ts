import { close, openReadAt, openWriteAt, writeAt } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import { freeSwapBytes, pageBytes, totalSwapBytes } from "../../../ffi/sysinfo.ts";
import { oomTotalPages } from "../../decide/badness.ts";
import type { Reading } from "../../decide/reading.ts";
import { slackBytes } from "../../decide/slack.ts";
import { swappableBytes } from "../../decide/swap.ts";
import { FieldParser } from "../../proc/field-parser.ts";
import type { Armed, MemoryReader } from "../hierarchy.ts";
import { maxSlackBytes } from "../max-slack.ts";
import { numberAt, numberIn, orZero } from "../number-in.ts";
import { readFields, readFieldsOnce } from "../read-fields.ts";
import { openEvents } from "./open-events.ts";

const usageFile = cString("memory.current");
const statFile = cString("memory.stat");
const swapUsageFile = cString("memory.swap.current");
const swapLimitFile = cString("memory.swap.max");
const killFile = cString("cgroup.kill");
const swappinessFile = cString("/proc/sys/vm/swappiness");
const groupFile = cString("memory.oom.group");
const one = cString("1");

const stat = new FieldParser([
  "anon",
  "file",
  // Before 5.18 its parts only; without it slack is taken for larger than it is, and is bounded anyway.
  "kernel",
  "sock",
  "inactive_file",
  "active_file",
  "inactive_anon",
  "active_anon",
]);
const ANON = 0;
const FILE = 1;
const KERNEL = 2;
const SOCK = 3;
const INACTIVE_FILE = 4;
const ACTIVE_FILE = 5;
const INACTIVE_ANON = 6;
const ACTIVE_ANON = 7;
const statValues = new Float64Array(8);

const events = new FieldParser(["oom", "oom_kill"]);
const OOM = 0;
const OOM_KILL = 1;
const eventValues = new Float64Array(2);

const readEvents = (directoryFd: number) => readFieldsOnce(openEvents(directoryFd), events, eventValues);

const DEEPEST = 32;
const upwards = Array.from({ length: DEEPEST }, (_, up) => ({
  usage: cString(`${"../".repeat(up)}memory.swap.current`),
  limit: cString(`${"../".repeat(up)}memory.swap.max`),
}));

/**
 * Swap the cgroup may still use: the least that any cgroup from here up has room for
 * (mem_cgroup_get_nr_swap_pages(), mm/memcontrol.c). The root has no such file.
 */
function swapRoomBytes(directoryFd: number): number {
  let roomBytes = Number.POSITIVE_INFINITY;
  for (const { usage, limit } of upwards) {
    const limitBytes = numberIn(directoryFd, limit);
    if (Number.isNaN(limitBytes)) break;
    if (limitBytes === Number.POSITIVE_INFINITY) continue;
    roomBytes = Math.min(roomBytes, limitBytes - orZero(numberIn(directoryFd, usage)));
  }
  return roomBytes;
}

// No cgroup has one of its own on v2: the machine's counts for all (mem_cgroup_swappiness(), include/linux/swap.h).
const swappiness = () => orZero(numberIn(-1, swappinessFile));

function swappable(directoryFd: number, anonLruBytes: number): number {
  const freeSwap = freeSwapBytes();
  if (freeSwap === 0) return 0;
  return swappableBytes({
    freeSwapBytes: freeSwap,
    roomBytes: swapRoomBytes(directoryFd),
    swappiness: swappiness(),
    anonLruBytes,
  });
}

/** Reads the cgroup v2 memory controller (Documentation/admin-guide/cgroup-v2.rst). */
export const memoryReaderV2: MemoryReader = {
  usageFile,
  statFile,

  usage: ({ usageFd }) => numberAt(usageFd),

  reading(
    { directoryFd, statFd }: Pick<Armed, "directoryFd" | "statFd">,
    usageBytes: number,
  ): Reading | number {
    const result = readFields(statFd, stat, statValues);
    if (result < 0) return result;
    const anonBytes = statValues[ANON]!;
    const fileBytes = statValues[INACTIVE_FILE]! + statValues[ACTIVE_FILE]!;
    const anonLruBytes = statValues[INACTIVE_ANON]! + statValues[ACTIVE_ANON]!;
    const residentBytes = anonBytes + statValues[FILE]!;
    const accounted = residentBytes + orZero(statValues[KERNEL]!) + orZero(statValues[SOCK]!);
    return {
      usageBytes,
      slackBytes: slackBytes(usageBytes, accounted, maxSlackBytes),
      residentBytes,
      fileBytes,
      inactiveFileBytes: statValues[INACTIVE_FILE]!,
      swappableBytes: swappable(directoryFd, anonLruBytes),
      anonBytes,
    };
  },

  fixedBytes(directoryFd) {
    if (readFieldsOnce(openReadAt(directoryFd, statFile), stat, statValues) < 0) return 0;
    const fileBytes = statValues[INACTIVE_FILE]! + statValues[ACTIVE_FILE]!;
    const residentBytes = statValues[ANON]! + statValues[FILE]! - fileBytes;
    return residentBytes + orZero(numberIn(directoryFd, swapUsageFile));
  },

  oomKills(directoryFd) {
    const result = readEvents(directoryFd);
    return result < 0 ? result : eventValues[OOM_KILL]!;
  },

  diesAsOne: (directoryFd) => numberIn(directoryFd, groupFile) === 1,

  // There is nothing to wait for: memory.high holds a leak back before.
  isHeld: () => false,
  atLimit: () => "kills",
  roomBytes: (_, usageBytes, limitBytes) => limitBytes - usageBytes,

  oomEvents(directoryFd) {
    const result = readEvents(directoryFd);
    // A node that is out of memory kills in a cgroup that is not.
    return result < 0 ? result : eventValues[OOM]! + eventValues[OOM_KILL]!;
  },

  killAll(directoryFd) {
    const fd = openWriteAt(directoryFd, killFile);
    if (fd < 0) return fd;
    const written = writeAt(fd, one, 1, 0);
    close(fd);
    return Math.min(written, 0);
  },

  oomTotalPages(directoryFd, limitBytes) {
    const swapLimit = numberIn(directoryFd, swapLimitFile);
    return oomTotalPages(
      limitBytes,
      limitBytes + (Number.isNaN(swapLimit) ? 0 : swapLimit),
      totalSwapBytes(),
      swappiness(),
      pageBytes,
    );
  },
};
