import { openReadAt } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import { freeSwapBytes, pageBytes, totalSwapBytes } from "../../../ffi/sysinfo.ts";
import { oomTotalPages } from "../../decide/badness.ts";
import { type Reading, reclaimableBytes } from "../../decide/reading.ts";
import { slackBytes } from "../../decide/slack.ts";
import { swappableBytes } from "../../decide/swap.ts";
import { FieldParser } from "../../proc/field-parser.ts";
import type { Armed, MemoryReader } from "../hierarchy.ts";
import { maxSlackBytes } from "../max-slack.ts";
import { numberAt, numberIn, orZero } from "../number-in.ts";
import { readFields, readFieldsOnce } from "../read-fields.ts";

const usageFile = cString("memory.usage_in_bytes");
const statFile = cString("memory.stat");
const kmemUsageFile = cString("memory.kmem.usage_in_bytes");
const memswUsageFile = cString("memory.memsw.usage_in_bytes");
const memswLimitFile = cString("memory.memsw.limit_in_bytes");
const swappinessFile = cString("memory.swappiness");
const oomControlFile = cString("memory.oom_control");
const parentOomControlFile = cString("../memory.oom_control");

const stat = new FieldParser([
  "total_cache",
  "total_rss",
  "total_inactive_file",
  "total_active_file",
  "total_inactive_anon",
  "total_active_anon",
  "total_swap",
]);
const CACHE = 0;
const RSS = 1;
const INACTIVE_FILE = 2;
const ACTIVE_FILE = 3;
const INACTIVE_ANON = 4;
const ACTIVE_ANON = 5;
const SWAP = 6;
const statValues = new Float64Array(7);

const oomControl = new FieldParser(["oom_kill"]);
const oomValues = new Float64Array(1);

const holding = new FieldParser(["oom_kill_disable", "under_oom"]);
const KILL_DISABLED = 0;
const UNDER_OOM = 1;
const holdingValues = new Float64Array(2);

function swappable(directoryFd: number, anonLruBytes: number): number {
  const freeSwap = freeSwapBytes();
  if (freeSwap === 0) return 0;
  const memswLimit = numberIn(directoryFd, memswLimitFile);
  // Without swap accounting there is no such file, and no limit on swap either.
  const roomBytes = Number.isNaN(memswLimit)
    ? Number.POSITIVE_INFINITY
    : memswLimit - orZero(numberIn(directoryFd, memswUsageFile));
  return swappableBytes({
    freeSwapBytes: freeSwap,
    roomBytes,
    swappiness: orZero(numberIn(directoryFd, swappinessFile)),
    anonLruBytes,
  });
}

/** Leaves `holdingValues` as the file has them. */
function isUnderOom(directoryFd: number, file: typeof oomControlFile): boolean {
  return (
    readFieldsOnce(openReadAt(directoryFd, file), holding, holdingValues) >= 0 &&
    holdingValues[UNDER_OOM] === 1
  );
}

/** Reads the cgroup v1 memory controller (Documentation/admin-guide/cgroup-v1/memory.rst). */
export const memoryReaderV1: MemoryReader = {
  usageFile,
  statFile,

  usage: ({ usageFd }) => numberAt(usageFd),

  reading(
    { directoryFd, statFd }: Pick<Armed, "directoryFd" | "statFd">,
    usageBytes,
    cacheFloorBytes,
  ): Reading | number {
    const result = readFields(statFd, stat, statValues);
    if (result < 0) return result;
    const anonBytes = statValues[RSS]!;
    const fileBytes = statValues[INACTIVE_FILE]! + statValues[ACTIVE_FILE]!;
    const anonLruBytes = statValues[INACTIVE_ANON]! + statValues[ACTIVE_ANON]!;
    const swappableBytes = swappable(directoryFd, anonLruBytes);
    const residentBytes = statValues[CACHE]! + anonBytes;
    // Kernel memory is in another file, 12 of the 26 us that the kernel takes for a reading (Linux 6.18).
    const isCache = reclaimableBytes({ fileBytes, swappableBytes }) >= cacheFloorBytes;
    const accounted = isCache ? Number.NaN : residentBytes + orZero(numberIn(directoryFd, kmemUsageFile));
    return {
      usageBytes,
      slackBytes: slackBytes(usageBytes, accounted, maxSlackBytes),
      residentBytes,
      fileBytes,
      inactiveFileBytes: statValues[INACTIVE_FILE]!,
      swappableBytes,
      anonBytes,
    };
  },

  fixedBytes(directoryFd) {
    if (readFieldsOnce(openReadAt(directoryFd, statFile), stat, statValues) < 0) return 0;
    const fileBytes = statValues[INACTIVE_FILE]! + statValues[ACTIVE_FILE]!;
    return statValues[RSS]! + statValues[CACHE]! - fileBytes + orZero(statValues[SWAP]!);
  },

  oomKills(directoryFd) {
    const result = readFieldsOnce(openReadAt(directoryFd, oomControlFile), oomControl, oomValues);
    return result < 0 ? result : oomValues[0]!;
  },

  diesAsOne: () => false,

  oomEvents: () => Number.NaN,

  isHeld(directoryFd) {
    const result = readFieldsOnce(openReadAt(directoryFd, oomControlFile), holding, holdingValues);
    return result >= 0 && holdingValues[KILL_DISABLED] === 1;
  },

  // The kernel goes by the value of the cgroup whose limit is reached, but marks everything below it as under_oom
  // (mem_cgroup_oom_synchronize(), mm/memcontrol-v1.c).
  atLimit(directoryFd) {
    if (!isUnderOom(directoryFd, oomControlFile) || holdingValues[KILL_DISABLED] !== 1) return "kills";
    if (!isUnderOom(directoryFd, parentOomControlFile)) return "waits";
    return holdingValues[KILL_DISABLED] === 1 ? "waits-above" : "kills";
  },

  roomBytes(directoryFd, usageBytes, limitBytes) {
    const roomBytes = limitBytes - usageBytes;
    const memswLimit = numberIn(directoryFd, memswLimitFile);
    if (Number.isNaN(memswLimit)) return roomBytes;
    return Math.min(roomBytes, memswLimit - orZero(numberIn(directoryFd, memswUsageFile)));
  },

  killAll: null,

  oomTotalPages(directoryFd, limitBytes) {
    const memswLimit = numberIn(directoryFd, memswLimitFile);
    return oomTotalPages(
      limitBytes,
      Number.isNaN(memswLimit) ? Number.POSITIVE_INFINITY : memswLimit,
      totalSwapBytes(),
      orZero(numberIn(directoryFd, swappinessFile)),
      pageBytes,
    );
  },
};
