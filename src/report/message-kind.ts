import type { IncidentKind } from "../record/incident.ts";

/**
 * What a log message is about, and the MESSAGE_ID the journal knows that by (systemd.journal-fields(7)). People search
 * and alert by these ids, so an id stays with its kind for ever: a kind that goes away takes its id with it, a new one
 * gets one of `journalctl --new-id128`. `systemd/oom-guard.catalog` explains each.
 */
export const messageIds = {
  // Incidents.
  kill: "aaffd08ec4f04c15a38e72597096a646",
  "would-kill": "54c10e9fb4ea4b17af88796f7a60d27f",
  "kernel-oom": "dd2308ee6d9a43aa9595ea1610498476",
  stuck: "b5511b5b475f4ab0ab8610cab00d500f",
  // The guard's life.
  guarding: "fcc7a923f7ab4585997e31b78bebb3e3",
  stopping: "07e0c6bbcedc4a2cb0bbd4a357b2e511",
  "sentinel-failed": "9aeee6e573da484c843b048000fa41da",
  "sentinel-not-stopped": "d807d75dc8a84d44842383f363f5ace9",
  "sentinel-silent": "1cd7f9a404ff42c2a673d5e89fd5e57b",
  "sentinel-answers": "50e6195278a44b2dad8688aa8e9f8b46",
  "service-manager-unheard": "af053ced15594287a8ce352de1883b16",
  "service-environment": "d9d0e3e1ecf2476eb5ef0431d9eb593e",
  "log-lines-lost": "e7a9480682f14d8289b3b0a7a57bd791",
  // Configuration.
  reloaded: "47c501c77a9f4de0b23a9b870d24d48c",
  "reload-failed": "ff7f1e8d42b142658a1bea629e44c4be",
  "restart-needed": "c1b89ef0b0c64e3989e6e234b97da169",
  "setting-without-effect": "d906f2bde07a4f1296d4aa3998866a01",
  // What the kernel, or the sandbox around the guard, does not grant.
  "thresholds-untried": "a5ea7075e8944f03a8633ce6408012b4",
  "thresholds-in-pages": "53bbf69c6510441baad74f5380a80eff",
  "thresholds-unusable": "32db049a88504a97b0e3f2377885f886",
  "high-not-used": "20639fe6bf7a40659335367e363dc33d",
  "hold-ended": "22d63195e20b4805b7ed91cf0a24a83a",
  "notification-refused": "f43c3021b85646bbbe8d8903a43583f2",
  "kernel-log-unread": "427113f09abf4a029c901a519b90c1a2",
  "kernel-log-gap": "9d8dcb2ed67b422cae53572e2281d628",
  "kernel-log-not-resumed": "287fc0d575ed4a2b9ef3aeb45f371c4e",
  "reclaim-refused": "a88af6c71d9a410dbcfb922c5bd6c507",
  "ordinary-priority": "aab14a23d45f405eaa2297fa9c8855d0",
  "memory-not-locked": "6097b423a7dd4ce4af0bc3df7e7f7c02",
  "core-files-possible": "953b93dea44f404fbbb2638c00bd4c44",
  // Cgroups.
  "tree-not-watched": "9152e8a04a8446e495dc52096c30dd85",
  "cgroup-not-armed": "121d8569b83e4f089b895a2fc5c766db",
  "cgroup-not-read": "5f7ff98606d8458c8cbb920cbf002bd8",
  "process-not-killed": "765d7695d93c4fe4a2b00099a4613964",
  "no-victim": "588f94d0110d49c49765cffe21730763",
  "kernel-can-reclaim": "ca71b4fc7bcd40c4a992c56f1a4e4814",
  settled: "a1b0078ec16d4355b48d2db8d01c84c1",
  // Names.
  "runtime-outage": "b8eeded1c14c444b9d3c6cdf26503c28",
  "runtime-recovered": "4e54f92e3de74a86bc96aaf7127ee1e3",
  "names-truncated": "98014fbbaae1478abe60af00467c88e0",
  "rules-without-names": "2679e493c105485cba5c5647eae0639a",
  "node-without-pods": "dc0d2c6d43ca40339521c4812937b859",
  // The API server and Events.
  "events-on": "87cefdae5e434b89848c7080c5b048d8",
  "events-off": "0e33c330bc1244d8b2aba1b0a62f34ab",
  "api-server-outage": "2e35419b43b4418cb930d28bab3ab9a4",
  "api-right-missing": "88b09fcb46354e3cbcb5cd0344988de4",
  "api-server-recovered": "684ffde7a0b049658cfd664e96ffc5f4",
  "event-given-up": "a4142095044e43cc9bfaf0e2112705f5",
  "events-pending": "713f1484f8a84ff2b1937c3c753bf9e8",
  "events-wait-for-store": "10103f5b3a784ab9a8523b3853afbb71",
  "events-store-recovered": "63fdf039a92a47de81753e74b5242a94",
  // Metrics.
  "metrics-served": "84afb0888a4d47c28e427e9cbc62906a",
  "metrics-exposed": "c1134e84a3dd40fd93e9030d53cc8e0b",
  "metrics-not-served": "eee8c53941634240baf305e2808d12b6",
  "textfile-not-written": "f5306c5fe84f4e46a9f3d25f4649f161",
  "textfile-written": "75659a7d512c4c16a2e25a91f8eb1ce4",
  // The incident store.
  "store-failed": "336f59e26a1a40c2ba7d6281e4b20abe",
  "store-recovered": "4aff330eb17249979ece63fbe033342d",
  "store-corrupt": "bbc37cee706d401faea5bc363d676c03",
  "incidents-recovered": "447183bec14040e4b524129ff3e578c3",
  "incidents-not-stored": "fd06b0b1dbce49cd9579dadcf1e72170",
  "no-black-box": "4aea40196464415f9e60125bc23fb962",
} as const satisfies Readonly<Record<IncidentKind, string>> & Readonly<Record<string, string>>;

/** What a message is about. */
export type MessageKind = keyof typeof messageIds;

const INCIDENTS: ReadonlySet<string> = new Set<IncidentKind>(["kill", "would-kill", "kernel-oom", "stuck"]);

/** Is it about an incident? Its sentence then has the numbers, and the fields have nothing to add for a reader. */
export function isIncident(kind: MessageKind | null): boolean {
  return kind !== null && INCIDENTS.has(kind);
}
