/** Packages of nodes, as the API tells them. Names and versions come from outside: text only. */

/** Null where the package manager can't tell. */
type Unsure = boolean | null;

export interface Upgradable {
  name: string;
  arch: string | null;
  installed: string | null;
  new: string;
  repo: string | null;
  security: Unsure;
  held: boolean;
  /** Only a full upgrade brings it. */
  full_only?: boolean;
}

export interface PackageProblem {
  cause: string;
  message: string;
  hint: string;
}

export interface NodePackages {
  node: number;
  manager: string | null;
  manager_version: string | null;
  /** When this was read on the node; null: never. */
  as_of_ms: number | null;
  index_ms: number | null;
  next_refresh_ms: number | null;
  error: PackageProblem | null;
  /** What this manager can do. */
  actions: string[];
  upgradable: Upgradable[];
  counts: { upgradable: number; security: number | null; held: number; installed: number | null };
  held: string[];
  reboot_required: { required: Unsure; reasons: string[] };
  services: string[];
  leftovers: string[];
  space: { path: string; free_bytes: number; total_bytes: number }[];
  lock: { pid: number | null; process: string | null; stale: boolean } | null;
  repair: Repair[];
  job: number | null;
  /** Its upgrades are full ones, unless something else is asked for. */
  full_upgrade?: boolean;
  /** What the system is, where its makers want full upgrades only. */
  full_upgrade_advised?: string | null;
}

export interface InstalledPage {
  as_of_ms: number;
  packages: {
    name: string;
    version: string;
    arch: string | null;
    automatic: Unsure;
    size_bytes: number | null;
  }[];
  next: string | null;
  total: number;
}

export interface SearchAnswer {
  packages: { name: string; version: string | null; summary: string; installed: Unsure }[];
  more: boolean;
}

export interface PackageDetails {
  name: string;
  version: string | null;
  arch: string | null;
  installed: string | null;
  repo: string | null;
  summary: string | null;
  description: string | null;
  homepage: string | null;
  license: string | null;
  size_bytes: number | null;
  depends: string[];
  fields: [string, string][];
  changelog: string | null;
  text: string;
}

export type PreviewAction = 'upgrade' | 'full-upgrade' | 'install' | 'remove' | 'autoremove';
export type PackageAction = PreviewAction | 'refresh' | 'hold' | 'unhold' | 'clean' | 'repair';

export interface Change {
  name: string;
  arch: string | null;
  installed: string | null;
  new?: string | null;
  repo?: string | null;
  security?: Unsure;
  essential?: boolean;
}

export interface Repair {
  what: string;
  title: string;
  detail: string;
  /** The manager does nothing else before it. */
  blocks?: boolean;
}

export interface Refusal {
  kind: string;
  message: string;
  hint: string;
  /** What is to be done first. */
  repair?: Repair | null;
}

export interface Preview {
  action: PreviewAction;
  packages: string[];
  upgraded: Change[];
  installed: Change[];
  removed: Change[];
  downgraded: Change[];
  kept_back: string[];
  download_bytes: number | null;
  disk_bytes: number | null;
  space: { path: string; need_bytes: number; free_bytes: number; ok: boolean }[];
  restarts: string[];
  refused: Refusal | null;
  nothing: boolean;
  plan: string;
  text: string;
}

export interface FleetPackageNode {
  node: number;
  name: string;
  manager: string | null;
  as_of_ms: number | null;
  upgradable: number;
  security: number | null;
  held: number;
  reboot_required: Unsure;
  services: number;
  repair: number;
  error: PackageProblem | null;
  job: number | null;
}

export interface FleetPackage {
  name: string;
  security: Unsure;
  nodes: { node: number; installed: string | null; new: string; held: boolean }[];
}

export interface FleetPackages {
  nodes: FleetPackageNode[];
  packages: FleetPackage[];
  more: boolean;
  /** What stops an upgrade in waves, in words. */
  rules?: string[];
  counts: {
    nodes: number;
    upgradable_nodes: number;
    upgrades: number;
    security_nodes: number;
    security: number;
    reboot: number;
  };
}

export interface FleetUpgrade {
  /** In the order of the waves. */
  nodes: number[];
  /** Left out: each node as it is set. */
  full?: boolean;
  packages?: string[];
  /** Of all that waits what is for security. */
  security?: boolean;
  waves?: (number | string)[];
  /** By node, what its preview said. */
  plans?: Record<string, string>;
  cursor?: number;
}

export interface Counts {
  upgraded: number;
  security: number | null;
  installed: number;
  removed: number;
  downgraded: number;
  kept_back: number;
}

export interface LeftOutNode {
  node: number;
  name: string;
  why: string;
  message: string;
  hint: string;
}

/** What would happen on one node of a wave. */
export interface NodePreview {
  node: number;
  name: string;
  action: string;
  state: 'ready' | 'nothing' | 'refused' | 'left_out' | 'failed';
  counts: Counts;
  upgraded: Change[];
  installed: Change[];
  removed: Change[];
  downgraded: Change[];
  kept_back: string[];
  more: boolean;
  download_bytes: number | null;
  restarts: string[];
  refused: Refusal | null;
  error: PackageProblem | null;
  left_out: LeftOutNode | null;
  warnings: { kind: string; message: string }[];
  plan: string | null;
}

export interface FleetPreviewPage {
  waves: number[][];
  left_out: LeftOutNode[];
  nodes: NodePreview[];
  next: number | null;
}
