import { defaults } from "../config/defaults.ts";
import { sampleConfig } from "../config/sample.ts";
import { catalogFile } from "./catalog.ts";
import { unitFile } from "./unit.ts";

/** A file that `install` places and `uninstall` knows. */
export interface InstalledFile {
  /** Absolute, below the root that is installed into. */
  readonly path: string;
  readonly mode: number;
  /** Its text; null: a copy of the running executable. */
  readonly text: string | null;
  /** The user's from the moment it is there: never overwritten, removed by `--purge` only. */
  readonly belongsToUser: boolean;
  /** The guard works without it, so that a read-only /usr is no reason to fail. */
  readonly optional: boolean;
}

export const CONFIG_PATH = "/etc/oom-guard/config.toml";
export const UNIT_PATH = "/etc/systemd/system/oom-guard.service";

/** What `systemctl enable` makes, by the unit's WantedBy=. */
export const ENABLED_LINK = "/etc/systemd/system/multi-user.target.wants/oom-guard.service";

/** Made so that StateDirectory= of the unit has nothing to make: where /var is read-only then, the service would not start. */
export const STATE_DIR = defaults.stateDir;

/**
 * Everything there is, in the order of installing: whatever fails in between, no unit is there whose executable is
 * not. The largest goes first, because it is what a full disk stops.
 */
export const installedFiles: readonly InstalledFile[] = [
  { path: "/usr/local/bin/oom-guard", mode: 0o755, text: null, belongsToUser: false, optional: false },
  { path: CONFIG_PATH, mode: 0o644, text: sampleConfig, belongsToUser: true, optional: false },
  { path: UNIT_PATH, mode: 0o644, text: unitFile, belongsToUser: false, optional: false },
  {
    path: "/usr/lib/systemd/catalog/oom-guard.catalog",
    mode: 0o644,
    text: catalogFile,
    belongsToUser: false,
    optional: true,
  },
];
