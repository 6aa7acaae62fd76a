import { type Finding, fail, ok } from "./check.ts";
import { readText } from "./read-text.ts";

// include/uapi/linux/capability.h. What only helps (CAP_IPC_LOCK, CAP_SYS_NICE, CAP_SYSLOG) has a check of its own.
const needed = [
  // memory.pressure_level has mode 000 on CentOS 7 (3.10).
  { name: "CAP_DAC_OVERRIDE", bit: 1n },
  { name: "CAP_KILL", bit: 5n },
];

/** Is this process root, with the rights a guard needs? @param uid as getuid(2) says */
export function checkRoot(uid: number, procRoot: string): Finding {
  if (uid !== 0) return fail(`runs as uid ${uid}: the guard kills processes of others`, "run as root");
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readText(`${procRoot}/self/status`) ?? "")?.[1];
  const held = effective === undefined ? null : BigInt(`0x${effective}`);
  const lacks = needed.filter(({ bit }) => held !== null && (held & (1n << bit)) === 0n);
  if (lacks.length === 0) return ok("runs as root");
  const names = lacks.map(({ name }) => name).join(" and ");
  return fail(`root, but without ${names}`, `give it ${names} (CapabilityBoundingSet= of its unit)`);
}
