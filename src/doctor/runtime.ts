import type { Config } from "../config/config.ts";
import { ContainerdError } from "../discover/containerd/error.ts";
import { type ContainerdFacts, inspectContainerd } from "../discover/containerd/inspect.ts";
import { printable } from "../report/text.ts";
import { type Finding, ok, warn } from "./check.ts";

const CALL_MS = 2000;
const NAME_LENGTH = 60;

/** What came from one socket. */
export interface SocketAnswer {
  readonly socket: string;
  readonly answer: ContainerdFacts | ContainerdError;
}

/** Does a containerd tell whose the cgroups are? Asks all sockets at once. */
export async function checkRuntime({ sockets, namespaces }: Config["runtime"]): Promise<Finding> {
  const answers = await Promise.all(
    sockets.map(async (socket) => ({ socket, answer: await inspectContainerd(socket, namespaces, CALL_MS) })),
  );
  return judgeRuntime(answers, namespaces);
}

/** What the answers mean for a guard: one runtime is enough, and a node has one as a rule. */
export function judgeRuntime(answers: readonly SocketAnswer[], namespaces: readonly string[]): Finding {
  if (answers.length === 0) return ok("none configured (runtime.sockets): names come from paths");
  const working: string[] = [];
  const broken: ContainerdError[] = [];
  for (const { socket, answer } of answers) {
    if (!(answer instanceof ContainerdError)) working.push(describe(socket, answer, namespaces));
    // Without any, an absent one is what is wrong.
    else if (answer.reason !== "absent") broken.push(answer);
  }
  if (working.length === 0 && broken.length === 0) {
    return warn(
      `no containerd: ${answers.map(({ socket }) => socket).join(" and ")} do not exist; it guards, without names`,
      "start it, or set runtime.sockets to where it listens",
    );
  }
  const detail = [...working, ...broken.map(({ message }) => printable(message))].join("; ");
  const [first] = broken;
  return first === undefined ? ok(detail) : warn(detail, fixOf(first));
}

function describe(
  socket: string,
  { version, containerCounts }: ContainerdFacts,
  namespaces: readonly string[],
): string {
  const counts = namespaces.map((name, index) => `${containerCounts[index] ?? 0} in ${name}`).join(", ");
  return `containerd ${printable(version, NAME_LENGTH)} at ${socket}, containers: ${counts}`;
}

function fixOf({ reason, socket }: ContainerdError): string {
  switch (reason) {
    case "refused":
      return `start what listens at ${socket}, or take it out of runtime.sockets`;
    case "unsupported":
      return `use Docker 17.12 or later, or take ${socket} out of runtime.sockets`;
    default:
      return `see what holds it up (journalctl -u containerd), or take ${socket} out of runtime.sockets`;
  }
}
