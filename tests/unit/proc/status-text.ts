const encoder = new TextEncoder();

/** /proc/PID/status as the kernel prints it. @param fields replace or drop (null) lines of an ordinary process */
export function statusText(fields: Readonly<Record<string, string | null>> = {}): string {
  const lines: Record<string, string | null> = {
    Name: "java",
    Umask: "0022",
    State: "S (sleeping)",
    Tgid: "4242",
    Pid: "4242",
    PPid: "17",
    Uid: "0\t0\t0\t0",
    Groups: "0 ",
    VmPeak: " 2097152 kB",
    VmSize: " 2097152 kB",
    VmHWM: "  999999 kB",
    VmRSS: "  988188 kB",
    RssAnon: "  980000 kB",
    VmPTE: "    3888 kB",
    VmSwap: "     512 kB",
    Threads: "40",
    CapInh: "0000000000000000",
    CapPrm: "00000000a80425fb",
    CapEff: "00000000a80425fb",
    ...fields,
  };
  return Object.entries(lines)
    .flatMap(([name, value]) => (value === null ? [] : [`${name}:\t${value}\n`]))
    .join("");
}

export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
