import { type Finding, ok, warn } from "./check.ts";
import { readText } from "./read-text.ts";

/** What does the kernel do where the guard is too late? (Documentation/admin-guide/sysctl/vm.rst) */
export function checkPanicOnOom(procRoot: string): Finding {
  const setting = (name: string) => readText(`${procRoot}/sys/vm/${name}`) ?? "0";
  const panic = setting("panic_on_oom");
  const fix = "sysctl vm.panic_on_oom=0";
  if (panic === "2") {
    return warn("vm.panic_on_oom is 2: a container that reaches its limit panics the node", fix);
  }
  if (panic !== "0") return warn(`vm.panic_on_oom is ${panic}: a node out of memory panics`, fix);
  const notes = [
    ...(setting("oom_kill_allocating_task") === "0"
      ? []
      : ["a node out of memory kills whoever asks next (vm.oom_kill_allocating_task)"]),
    ...(setting("overcommit_memory") === "2"
      ? ["memory is not overcommitted (vm.overcommit_memory 2): programs may fail before they reach a limit"]
      : []),
  ];
  return ok(["the kernel kills, it does not panic", ...notes].join("; "));
}
