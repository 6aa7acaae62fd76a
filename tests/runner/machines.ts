/** A virtual machine that test files run in. */
export interface MachineSpec {
  readonly name: string;
  /** Debian's, as tests/components/build-vm takes it. */
  readonly release: "bookworm" | "forky";
  readonly cgroupVersion: 1 | 2;
  /** What its kernel is booted with, beside what every machine needs. */
  readonly kernelArguments?: string;
}

/** Kernel 6.1, systemd 252, containerd 1.6. */
export const bookwormV1: MachineSpec = { name: "bookworm-v1", release: "bookworm", cgroupVersion: 1 };
export const bookwormV2: MachineSpec = { name: "bookworm-v2", release: "bookworm", cgroupVersion: 2 };
/** Kernel 7.2, systemd 262, containerd 2.1; its kernel has no v1 memory controller. */
export const forkyV2: MachineSpec = { name: "forky-v2", release: "forky", cgroupVersion: 2 };
/** Without pressure stall information, as distributions ship it that want it asked for. */
export const bookwormV2NoPsi: MachineSpec = {
  name: "bookworm-v2-nopsi",
  release: "bookworm",
  cgroupVersion: 2,
  kernelArguments: "psi=0",
};
