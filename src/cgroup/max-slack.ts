import { cpus } from "node:os";
import { pageBytes } from "../../ffi/sysinfo.ts";

/** The most that may be charged ahead of use: MEMCG_CHARGE_BATCH pages on each CPU (mm/memcontrol.c). */
export const maxSlackBytes = cpus().length * 64 * pageBytes;
