/** What kernels print from one shortage to the kill, without lines that are of no use here. */

interface Shortage {
  readonly limit?: string;
  readonly victim?: string;
  readonly pid?: number;
  readonly comm?: string;
}

const SIZES = "total-vm:316444kB, anon-rss:102336kB, file-rss:0kB";
const COLUMNS_OLD = "[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name";
const COLUMNS_NEW =
  "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name";

/** Linux 3.10 (CentOS 7.9): a thread is chosen, its process is killed. */
export function centos7({
  limit = "/p",
  victim = "/p/docker/0123abcd",
  pid = 551,
  comm = "hogs",
}: Shortage = {}) {
  return [
    `${comm} invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0`,
    `${comm} cpuset=/ mems_allowed=0`,
    `CPU: 1 PID: ${pid} Comm: ${comm} Not tainted 3.10.0-1160.el7.x86_64 #1`,
    "Call Trace:",
    " [<ffffffff96b865b9>] dump_stack+0x19/0x1b",
    `Task in ${victim} killed as a result of limit of ${limit}`,
    "memory: usage 102400kB, limit 102400kB, failcnt 701",
    "memory+swap: usage 102400kB, limit 9007199254740988kB, failcnt 0",
    "kmem: usage 0kB, limit 9007199254740988kB, failcnt 0",
    `Memory cgroup stats for ${limit}: cache:0KB rss:0KB rss_huge:0KB mapped_file:0KB swap:0KB`,
    COLUMNS_OLD,
    "[    1]     0     1      250      100       5        0          -998 pause",
    `[${String(pid).padStart(5)}]     0 ${String(pid).padStart(5)}    79111    25600      60        0             2 ${comm}`,
    `Memory cgroup out of memory: Kill process ${pid + 1} (${comm}) score 971 or sacrifice child`,
    `Killed process ${pid} (${comm}), UID 0, ${SIZES}, shmem-rss:0kB`,
  ];
}

/** The same for the node: no cgroup is named. */
export function centos7Node({ pid = 82, comm = "feat" }: Shortage = {}) {
  return [
    `${comm} invoked oom-killer: gfp_mask=0x280da, order=0, oom_score_adj=0`,
    "Mem-Info:",
    COLUMNS_OLD,
    `[${String(pid).padStart(5)}]     0 ${String(pid).padStart(5)}    79111    25600      60        0          -100 ${comm}`,
    `Out of memory: Kill process ${pid} (${comm}) score 943 or sacrifice child`,
    `Killed process ${pid} (${comm}) ${SIZES}`,
  ];
}

/** Linux 5.0. */
export function linux50({ limit = "/p", victim = "/p/c", pid = 551, comm = "hogs" }: Shortage = {}) {
  return [
    `${comm} invoked oom-killer: gfp_mask=0x6000c0(GFP_KERNEL), order=0, oom_score_adj=0`,
    "memory: usage 102400kB, limit 102400kB, failcnt 29",
    "Tasks state (memory values in pages):",
    "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
    `[${String(pid).padStart(7)}]     0 ${String(pid).padStart(5)}    79111    25600   143360        0             7 ${comm}`,
    `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${limit},task_memcg=${victim},task=${comm},pid=${pid},uid=0`,
    `Memory cgroup out of memory: Kill process ${pid} (${comm}) score 971 or sacrifice child`,
    `Killed process ${pid} (${comm}) ${SIZES}, shmem-rss:0kB`,
  ];
}

/** What a kernel from 5.4 on prints where it says no more, after ten in 5 s. */
export function killed({ pid = 551, comm = "hogs" }: Shortage = {}, out = "Memory cgroup out") {
  return `${out} of memory: Killed process ${pid} (${comm}) ${SIZES}, shmem-rss:64kB, UID:0 pgtables:140kB oom_score_adj:-5`;
}

/** Linux 6.18. */
export function linux618(shortage: Shortage = {}) {
  const { limit = "/p", victim = "/p/c", pid = 551, comm = "hogs" } = shortage;
  return [
    `${comm} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0`,
    "memory: usage 102400kB, limit 102400kB, failcnt 29",
    "swap: usage 0kB, limit 9007199254740988kB, failcnt 0",
    `Memory cgroup stats for ${limit}:`,
    "anon 104775680",
    "Tasks state (memory values in pages):",
    COLUMNS_NEW,
    `[${String(pid).padStart(7)}]     0 ${String(pid).padStart(5)}    26731    13110    12768      342         0   143360        0            -5 ${comm}`,
    `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=c,mems_allowed=0,oom_memcg=${limit},task_memcg=${victim},task=${comm},pid=${pid},uid=0`,
    killed({ pid, comm }),
  ];
}

/** The same for the node. */
export function linux618Node({ victim = "/p/c", pid = 551, comm = "hogs" }: Shortage = {}) {
  return [
    `${comm} invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0`,
    "Mem-Info:",
    COLUMNS_NEW,
    `[${String(pid).padStart(7)}]     0 ${String(pid).padStart(5)}    26731    13110    12768      342         0   143360        0            -5 ${comm}`,
    `oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=${victim},task=${comm},pid=${pid},uid=0`,
    killed({ pid, comm }, "Out"),
  ];
}

export const wholeLine = (cgroup: string) =>
  `Tasks in ${cgroup} are going to be killed due to memory.oom.group set`;
