import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { giveBackFilePages } from "../../ffi/memory-lock.ts";
import { sigkill } from "../../ffi/process.ts";
import { runThreadFirst } from "../../ffi/schedule.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { memoryReader } from "../cgroup/memory-reader.ts";
import type { FromSentinel, Start, ToSentinel, ToThread } from "./protocol.ts";
import { Sentinel } from "./sentinel.ts";
import { WarmUp } from "./warm-up.ts";

declare const self: Worker;

const post = (message: FromSentinel) => postMessage(message);

self.onmessage = ({ data }: MessageEvent<Start & { readonly port: MessagePort }>) => {
  try {
    guard(data, data.port);
  } catch (error) {
    // Thrown further, it would reach main as a listing of the source around it, with the reason cut off (Bun 1.4.5).
    post({ type: "failed", reason: String(error) });
  }
};

function guard(start: Start, port: MessagePort): void {
  // This thread never gets back to its event loop, so later messages are fetched from a port when the control
  // descriptor says that there are some.
  let received: ToThread[] = [];
  const receive = (): ToSentinel | undefined => {
    if (received.length === 0) received = receiveMessageOnPort(port)?.message ?? [];
    const message = received.shift();
    if (message?.type !== "rehearse") return message;
    warmUp.begin(message.rehearsal, message.stage);
    return receive();
  };
  goFirst();
  const reader = memoryReader(start.cgroupVersion);
  const warmUp = new WarmUp(start, reader, () => post({ type: "rehearsed" }));
  const sentinel = new Sentinel(start, reader, post, receive, sigkill);
  // Of the executable most has served the start only. From here on nothing is given back: what arming and the warm-up need, a
  // kill needs, and under memory pressure it would have to come from the disk.
  giveBackFilePages();
  // One that cannot even wait has not started.
  sentinel.turn(0);
  post({ type: "ready" });
  sentinel.run(warmUp);
}

function goFirst(): void {
  try {
    runThreadFirst();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    post({
      type: "trouble",
      kind: "ordinary-priority",
      key: "schedule",
      message: `the sentinel runs at ordinary priority (${error.message}): on a node with all cores busy it may come late; it needs CAP_SYS_NICE and, where its cpu cgroup has a cpu.rt_runtime_us (CONFIG_RT_GROUP_SCHED), real-time budget in there`,
    });
  }
}
