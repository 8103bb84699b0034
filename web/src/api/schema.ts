// Made by scripts/api-types.mjs of server/src/api/openapi.json: change that one, and run
// `npm run api-types`.

export type Error = {
  error: {
    /** For programs: a word in snake_case */
    kind: string;
    /** What failed */
    message: string;
    /** What to do next */
    hint: string;
    /** Of what happened on a node or on the way to it (`node`, `check_failed` and others): one word more, as in the errors of jobs, such as `unreachable`, `timeout` or `password_refused` */
    cause?: string;
  };
  /** With `factor_needed`: what there is */
  factors?: ("totp" | "passkey" | "recovery")[];
  passkey?: PasskeyQuestion;
};

export type Session = {
  /** The same as `username` */
  user: string;
  /** Send it as X-CSRF-Token with every change that the cookie authorises */
  csrf: string;
  /** While true, only the session itself, logout and the password change answer */
  must_change_password: boolean;
  /** Unix milliseconds; null for a token without an end */
  expires_ms: number | null;
  username: string;
  user_id: number;
  role: Role;
  /** Of the user and of the user's groups */
  grants: Grant[];
  limit?: Grant;
  /** A token that may only read */
  read_only: boolean;
  /** What may be done on all nodes, and so with users and settings */
  everywhere: ("view" | "operate" | "deploy" | "administer" | "terminal" | "command")[];
  /** What may be done on some nodes */
  somewhere: ("view" | "operate" | "deploy" | "administer" | "terminal" | "command")[];
  /** The token that this is */
  token_name?: string;
  /** While true, only the session itself, logout and second factors answer */
  must_enrol: boolean;
};

export type NewSession = {
  /** The same as `username` */
  user: string;
  /** Send it as X-CSRF-Token with every change that the cookie authorises */
  csrf: string;
  /** While true, only the session itself, logout and the password change answer */
  must_change_password: boolean;
  /** Unix milliseconds; null for a token without an end */
  expires_ms: number | null;
  /** For Authorization: Bearer. Given to who asks for it (`"token": true`) and to requests without an Origin header, which no page sends */
  token?: string;
  username: string;
  user_id: number;
  role: Role;
  /** Of the user and of the user's groups */
  grants: Grant[];
  limit?: Grant;
  /** A token that may only read */
  read_only: boolean;
  /** What may be done on all nodes, and so with users and settings */
  everywhere: ("view" | "operate" | "deploy" | "administer" | "terminal" | "command")[];
  /** What may be done on some nodes */
  somewhere: ("view" | "operate" | "deploy" | "administer" | "terminal" | "command")[];
  /** The token that this is */
  token_name?: string;
  /** While true, only the session itself, logout and second factors answer */
  must_enrol: boolean;
};

export type Health = {
  /** failing: samples can't be stored at present, and stay with the Spiders */
  status: "ok" | "failing";
  version: string;
  /** Of TLS that the server ends itself */
  certificate?: {
    state: "good" | "ends_soon" | "expired";
    /** Unix milliseconds */
    not_after_ms: number;
  };
};

export type Node = {
  id: number;
  name: string;
  tags: string[];
  status: "online" | "offline" | "pending";
  /** Since when the status holds */
  since_ms: number;
  /** Why it is in that state, in words */
  reason: string | null;
  /** Unix milliseconds */
  created_ms: number;
  /** Unix milliseconds */
  last_seen_ms: number | null;
  interval_ms: number | null;
  address: string | null;
  spider_version: string | null;
  identity: Identity | null;
  summary: Summary | null;
  spark: Spark;
  /** It is known how to reach it over SSH */
  managed: boolean;
  /** Its Spider was put there from here */
  installed: boolean;
};

export type NewNode = {
  id: number;
  name: string;
  tags: string[];
  status: "online" | "offline" | "pending";
  /** Since when the status holds */
  since_ms: number;
  /** Why it is in that state, in words */
  reason: string | null;
  /** Unix milliseconds */
  created_ms: number;
  /** Unix milliseconds */
  last_seen_ms: number | null;
  interval_ms: number | null;
  address: string | null;
  spider_version: string | null;
  identity: Identity | null;
  summary: Summary | null;
  spark: Spark;
  /** The node's token. Shown this once and kept nowhere */
  token: string;
  /** Shell command that starts a Spider with it */
  command: string;
  /** Pasted into a root shell it fetches the Spider from here, checks it and installs it as a service */
  install: string;
  managed: boolean;
  installed: boolean;
};

export type Nodes = {
  nodes: Node[];
  /** The cursor of the next page; null at the end */
  next: string | null;
};

/** What the Spider says its machine is. All texts are untrusted */
export type Identity = {
  hostname?: string;
  os?: string;
  os_id?: string;
  kernel?: string;
  /** uname -v: which build of that release */
  kernel_version?: string;
  /** The NIS domain; (none) where none is set */
  domainname?: string;
  /** When the machine was started, by its own clock; Unix seconds */
  boot_time_s?: number;
  arch?: string;
  cpu_model?: string;
  package_manager?: string;
  init?: string;
  virtualization?: string;
  container?: string;
  board?: string;
  boot_id?: string;
  cores?: number;
  mem_total_bytes?: number;
};

/** The latest sample in brief. Null means absent, which is not zero */
export type Summary = {
  /** Unix milliseconds */
  time_ms: number;
  cpu_percent: number | null;
  cores: number | null;
  mem_used_bytes: number | null;
  mem_total_bytes: number | null;
  swap_used_bytes: number | null;
  swap_total_bytes: number | null;
  disk_used_bytes: number | null;
  disk_total_bytes: number | null;
  procs: number | null;
  uptime_ms: number | null;
  tcp_established: number | null;
  disk_percent: number | null;
  disk_read_bytes_per_s: number | null;
  disk_write_bytes_per_s: number | null;
  net_rx_bytes_per_s: number | null;
  net_tx_bytes_per_s: number | null;
  load_1m: number | null;
  load_5m: number | null;
  load_15m: number | null;
  temp_celsius: number | null;
  disk_mount: string | null;
  temp_sensor: string | null;
};

/** CPU of the last 15 minutes, oldest first */
export type Spark = {
  step_ms: number;
  /** End of the newest slot; 0 when there is none */
  end_ms: number;
  cpu_percent: (number | null)[];
};

export type Stats = {
  node: number;
  /** Unix milliseconds */
  time_ms: number | null;
  age_ms: number | null;
  status: "online" | "offline" | "pending";
  series: Record<string, number>;
  /** Counters: change a second between the last two samples */
  rates: Record<string, number>;
  summary: Summary | null;
};

export type SeriesList = {
  series: ({
    key: string;
    unit: "count" | "bytes" | "ms" | "milli" | "celsius_milli" | "unknown";
    kind: "counter" | "gauge";
  })[];
};

export type History = {
  node: number;
  /** Unix milliseconds */
  from: number;
  /** Unix milliseconds */
  to: number;
  step_ms: number;
  /** The coarsest tier that answered. From minute and hour, min and max are those of the samples themselves (for a counter: of the rates between them), not of averages */
  tier: "raw" | "minute" | "hour";
  /** Whether the last bucket goes on after `to`: its numbers are those of the whole bucket, also of samples after `to`, and more may come to it */
  partial: boolean;
  times: number[];
  series: HistorySeries[];
  gaps: Gap[];
  /** Selectors without `*` that no list of series of the node had anything for. Of a node with more than 256 lists that is not told */
  unknown: string[];
};

/** What was asked for with `parts`: one entry for each of `times`. `avg`, `min` and `max` are in `unit`: a gauge's own (bytes), a counter's a second (bytes/s; ms/s of time, of which 1000 are a whole core) */
export type HistorySeries = {
  key: string;
  /** Of avg, min and max; of a counter a rate */
  unit: "count" | "bytes" | "ms" | "milli" | "celsius_milli" | "unknown" | "count/s" | "bytes/s" | "ms/s" | "milli/s" | "celsius_milli/s" | "unknown/s";
  kind: "counter" | "gauge";
  count?: number[];
  avg?: (number | null)[];
  /** Least sample of the bucket; of a counter the least rate per second between two samples */
  min?: (number | null)[];
  /** Greatest sample of the bucket; of a counter the greatest rate per second between two samples */
  max?: (number | null)[];
  /** Of a counter: what it grew within the bucket, exactly, in `increase_unit` */
  increase?: (number | null)[];
  increase_unit?: "count" | "bytes" | "ms" | "milli" | "celsius_milli" | "unknown";
};

export type Gap = {
  /** Unix milliseconds */
  from: number;
  /** Unix milliseconds */
  to: number;
  cause: "server_down" | "link_down" | "spider_restarted" | "node_off" | "suspended" | "damaged" | "unknown";
  /** The cause in words */
  text: string;
  /** Samples that were taken and could not be kept */
  lost: number;
};

export type Login = {
  username?: string;
  /** What `username` was called before */
  user?: string;
  password?: string;
  /** Answer with the token, though a page asks */
  token?: boolean;
  /** Of the authenticator app, or a recovery code */
  code?: string;
  passkey?: PasskeyShown;
};

export type PasswordChange = {
  current: string;
  /** At least 10 characters and at most 1024 bytes; not the default, not the user's name */
  new: string;
  /** Answer with the token, though a page asks */
  token?: boolean;
};

export type AddNode = {
  /** Without control characters; spaces around it are dropped */
  name: string;
  tags?: string[];
};

export type ChangeNode = {
  /** Without control characters; spaces around it are dropped */
  name?: string;
  tags?: string[];
};

/** A key, a password, or both */
export type SshAuth = {
  /** Private key: ed25519, ECDSA or RSA, in OpenSSH, PEM or PKCS#8 form */
  key?: string;
  /** Of the key */
  passphrase?: string;
  /** The line of the file beside the key whose name ends in -cert.pub, for servers that trust an authority */
  certificate?: string;
  /** In place of a key; or beside it, for servers that want both or either */
  password?: string;
};

/** A host that the node is reached through (ProxyJump) */
export type JumpHost = {
  /** DNS name or IP address */
  host: string;
  port?: number;
  user: string;
  auth: SshAuth;
  /** The confirmed fingerprint, as it was shown: SHA256:… */
  host_key?: string;
};

export type CheckNode = {
  /** DNS name or IP address */
  host: string;
  port?: number;
  user: string;
  auth: SshAuth;
  /** The confirmed fingerprint, as it was shown: SHA256:… */
  host_key?: string;
  /** Tried only when sudo asks for one */
  sudo_password?: string;
  jump?: JumpHost;
  /** sha256/… of the server's public key, as a deployment takes it: whether the node reaches the server is tried with it */
  pin?: string;
  /** As a deployment takes it: for a service of the login's own */
  without_root?: boolean;
};

export type ShownHostKey = {
  type: string;
  /** As `ssh-keygen -l` prints it */
  sha256: string;
  /** `new` must be confirmed, `changed` is another one than was confirmed */
  state: "known" | "new" | "changed";
};

export type CheckStep = {
  name: "jump_credentials" | "jump_reach" | "jump_host_key" | "jump_login" | "credentials" | "reach" | "host_key" | "login" | "commands" | "privilege" | "system" | "architecture" | "init" | "space" | "linger" | "server";
  ok: boolean;
  detail: string;
  /** What to do; empty when it went well */
  hint: string;
  /** Why it failed, as a word: key_refused, host_key_changed, timeout, … */
  cause: string | null;
  ms: number;
};

export type NodeFacts = {
  hostname: string;
  os: {
    id: string;
    like: string;
    version: string;
    name: string;
  };
  kernel: string;
  /** What uname -m says of the kernel */
  machine: string;
  /** Of the node's own programs */
  arch: string | null;
  init: string;
  /** `glibc 2.36` or `musl 1.2.5`; empty where the node does not tell */
  libc: string;
  package_manager: string | null;
  folders: ({
    path: string;
    free_bytes: number | null;
    read_only: boolean;
    noexec: boolean;
  })[];
  /** The node's clock minus the server's */
  clock_skew_ms: number | null;
  server: {
    /** Whether the node reaches Ground Control; null: it has no tool to tell */
    ok: boolean | null;
    detail: string;
    hint: string;
  };
  home: string;
};

export type NodeCheck = {
  ok: boolean;
  steps: CheckStep[];
  host_key: ShownHostKey | null;
  jump_host_key: ShownHostKey | null;
  /** How to become root: root, sudo, sudo_password or doas */
  privilege: string | null;
  /** The node that this host is already, by its host key and machine id: deploy that one again */
  known_node: {
    id: number;
    name: string;
  } | null;
  facts: NodeFacts | null;
};

export type Event = {
  id: number;
  time_ms: number;
  /** null: of Ground Control, or of many nodes */
  node: number | null;
  /** As it was called then */
  node_name: string | null;
  kind: string;
  /** What happened, in a sentence */
  text: string;
  /** By kind */
  detail: Record<string, unknown> | null;
};

export type Events = {
  events: Event[];
  next: string | null;
  /** With `after`: what to send as `after` the next time */
  last?: number;
};

export type JobStep = {
  name: string;
  title: string;
  state: "running" | "done" | "failed" | "cancelled" | "skipped";
  started_ms: number;
  ms: number | null;
  detail: string;
  hint: string;
  cause: string | null;
  /** Its part of the output begins at this byte */
  from: number;
  to: number;
};

export type JobError = {
  cause: string;
  message: string;
  hint: string;
};

export type JobProgress = {
  done: number;
  total: number;
};

export type Job = {
  id: number;
  kind: string;
  node: number | null;
  node_name: string | null;
  /** The job over many nodes that this one is a part of */
  group: number | null;
  title: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled" | "lost";
  /** Who asked for it */
  by: string;
  created_ms: number;
  started_ms: number | null;
  finished_ms: number | null;
  steps: JobStep[];
  error: null | JobError;
  /** By kind of job */
  result: Record<string, unknown> | null;
  output_bytes: number;
  /** Cut from the middle of the output; both ends are kept */
  left_out_bytes: number;
  can_cancel: boolean;
  /** Why it can't be cancelled at this point, where that needs a reason */
  no_cancel: string | null;
  /** The job of the same node that has to end before this one begins */
  waits_for: number | null;
  cancelling: boolean;
  progress: null | JobProgress;
};

export type PackagesLooks = {
  job: Job;
  left_out: ({
    node: number;
    name: string;
    why: string;
  })[];
};

export type Jobs = {
  jobs: Job[];
  /** The cursor of the next page; null on the last one */
  next: string | null;
};

export type JobAnswer = {
  job: Job;
};

export type NodeAndJob = {
  node: Node;
  job: Job;
};

export type JobOutput = {
  job: number;
  /** Where the text begins, in bytes; later than asked for when that was cut out */
  from: number;
  /** UTF-8 with line ends, tabs, colour sequences, and carriage returns where a line begins anew */
  text: string;
  next: number;
  left_out_bytes: number;
  /** The job has ended and this is the last of it */
  end: boolean;
};

export type DeployNode = {
  /** The host when it is missing */
  name?: string;
  tags?: string[];
  /** DNS name or IP address */
  host: string;
  port?: number;
  user: string;
  auth: SshAuth;
  /** The confirmed fingerprint, as it was shown: SHA256:… */
  host_key: string;
  /** Tried only when sudo asks for one */
  sudo_password?: string;
  jump?: JumpHost;
  /** sha256/… of the server's public key, for a certificate that the node does not trust otherwise */
  pin?: string;
  /** What was installed stays when the Spider does not connect */
  keep_on_failure?: boolean;
  /** false: keys and passwords are forgotten when the job ends */
  remember?: boolean;
  /** A service of the login's own, where it can't become root (systemd) */
  without_root?: boolean;
  /** Also when the host is another node already, which then hears no more of it */
  replace?: boolean;
};

/** Without host, user and auth what is known is used */
export type RedeployNode = {
  /** The host when it is missing */
  name?: string;
  tags?: string[];
  /** DNS name or IP address */
  host?: string;
  port?: number;
  user?: string;
  auth?: SshAuth;
  /** The confirmed fingerprint, as it was shown: SHA256:… */
  host_key?: string;
  /** Tried only when sudo asks for one */
  sudo_password?: string;
  jump?: JumpHost;
  /** sha256/… of the server's public key, for a certificate that the node does not trust otherwise */
  pin?: string;
  /** What was installed stays when the Spider does not connect */
  keep_on_failure?: boolean;
  /** false: keys and passwords are forgotten when the job ends */
  remember?: boolean;
  /** A service of the login's own, where it can't become root (systemd) */
  without_root?: boolean;
  /** Also when the host is another node already, which then hears no more of it */
  replace?: boolean;
};

/** For this job alone, when they are not kept */
export type GivenCredentials = {
  auth?: SshAuth;
  /** Tried only when sudo asks for one */
  sudo_password?: string;
  /** For a removal: also when the node can't be reached */
  force?: boolean;
};

export type NodeList = {
  nodes: number[];
};

export type ConnectionJump = {
  host: string;
  port: number;
  user: string;
  /** null when it was forgotten */
  auth: "key" | "key_and_password" | "password" | null;
  host_key: null | {
    type: string | null;
    sha256: string;
  };
};

export type InstalledSpider = {
  method: "systemd" | "openrc" | "procd" | "sysvinit" | "runit" | "systemd_user";
  path: string;
  version: string;
  arch: string;
  server_url: string;
  installed_ms: number;
};

export type Connection = {
  host: string;
  port: number;
  user: string;
  /** null when it was forgotten */
  auth: "key" | "key_and_password" | "password" | null;
  host_key: null | {
    type: string | null;
    sha256: string;
  };
  sudo_password: boolean;
  jump: null | ConnectionJump;
  spider: null | InstalledSpider;
};

export type CheckedConnection = {
  report: NodeCheck;
  connection: Connection;
};

export type FailedConnection = {
  report: NodeCheck;
  error: Record<string, unknown>;
};

export type ImportText = {
  /** CSV with a header line (host; name, port, user, tags, jump), a host a line, or blocks as in ~/.ssh/config */
  text: string;
};

export type ImportHost = {
  line: number;
  name: string;
  host: string;
  port: number;
  user: string | null;
  tags: string[];
  jump: string | null;
  error: string | null;
};

export type ImportHosts = {
  hosts: ImportHost[];
};

export type HostKeyChange = {
  /** SHA256:…, as it was shown and compared */
  sha256: string;
  jump_sha256?: string;
};

export type HistoryStatus = {
  bytes: {
    /** The database file, everything in it */
    file: number;
    /** The write-ahead log and its index */
    log: number;
    total: number;
    /** Within the file, to be used again */
    free: number;
    /** --history-budget: `total` never exceeds it */
    budget: number | null;
  };
  tiers: ({
    name: "raw" | "minute" | "hour";
    /** What one row stands for; 0: a sample */
    step_ms: number;
    blocks: number;
    rows: number;
    bytes: number;
    /** Unix milliseconds */
    from: number | null;
    /** Unix milliseconds */
    to: number | null;
    days_held: number;
    /** As the flags say */
    keep_days: number;
    /** Days that the budget has room for as things are, at most keep_days; null while nothing can be told */
    days_fit: number | null;
  })[];
  fresh: {
    /** Samples that are durable and not merged yet */
    rows: number;
    bytes: number;
  };
  writer: HistoryWriter;
  clock: HistoryClock;
  /** Blocks that were set aside since their bytes are not what was written, newest first, at most 20 */
  damaged: ({
    node: number;
    tier: "raw" | "minute" | "hour";
    /** Unix milliseconds */
    from: number;
    /** Unix milliseconds */
    to: number;
    rows: number;
    why: string;
    /** Unix milliseconds */
    found: number;
  })[];
};

export type PackageUpgrade = {
  name: string;
  arch: string | null;
  installed: string | null;
  new: string;
  repo: string | null;
  /** null: this manager can't tell */
  security: boolean | null;
  held: boolean;
  /** Only a full upgrade brings it: others must come or go for it */
  full_only: boolean;
};

export type PackageRepair = {
  what: string;
  title: string;
  detail: string;
  /** The manager does nothing else before it */
  blocks: boolean;
};

export type PackageReboot = {
  required: boolean | null;
  reasons: string[];
};

export type PackageDisk = {
  path: string;
  free_bytes: number;
  total_bytes: number;
};

export type Packages = {
  node: number;
  manager: string | null;
  manager_version: string | null;
  as_of_ms: number | null;
  index_ms: number | null;
  next_refresh_ms: number | null;
  error: JobError | null;
  actions: string[];
  upgradable: PackageUpgrade[];
  counts: {
    upgradable: number;
    security: number | null;
    held: number;
    installed: number | null;
  };
  held: string[];
  reboot_required: PackageReboot;
  services: string[];
  leftovers: string[];
  space: PackageDisk[];
  lock: {
    pid: number | null;
    process: string | null;
    stale: boolean;
  } | null;
  repair: PackageRepair[];
  job: number | null;
  /** Its upgrades are full ones, unless something else is asked for; set by PATCH */
  full_upgrade: boolean;
  /** What the system is, where its makers want full upgrades only */
  full_upgrade_advised: string | null;
};

export type PackagesWish = {
  /** Of a preview alone */
  action?: "refresh" | "upgrade" | "full-upgrade" | "install" | "remove" | "autoremove" | "hold" | "unhold" | "clean" | "repair";
  packages?: string[];
  purge?: boolean;
  /** What to repair */
  what?: string;
  /** From the preview: the job refuses when something else would be done */
  plan?: string;
  /** How long a package manager that another process uses is waited for (900) */
  wait_s?: number;
  auth?: SshAuth;
  sudo_password?: string;
  /** Of an upgrade: of all that waits what is for security */
  security?: boolean;
  /** Of an upgrade: whether it is a full one. Left out: as the node is set */
  full?: boolean;
};

export type PackagesPreview = {
  /** What is done: full-upgrade also where an upgrade was asked for and the node is set so */
  action: "upgrade" | "full-upgrade" | "install" | "remove" | "autoremove";
  packages: string[];
  upgraded: PackageUpgrade[];
  installed: PackageUpgrade[];
  removed: PackageRemoval[];
  downgraded: PackageUpgrade[];
  kept_back: string[];
  download_bytes: number | null;
  disk_bytes: number | null;
  space: ({
    path: string;
    need_bytes: number;
    free_bytes: number;
    ok: boolean;
  })[];
  /** Running services that the packages restart, where their scripts say so (dpkg, rpm). */
  restarts: string[];
  refused: PackageRefusal | null;
  nothing: boolean;
  plan: string;
  text: string;
  security: boolean;
  counts: PackagesPreviewCounts;
};

export type InstalledPackages = {
  as_of_ms: number;
  packages: ({
    name: string;
    version: string;
    arch: string | null;
    automatic: boolean | null;
    size_bytes: number | null;
  })[];
  next: string | null;
  total: number;
};

export type FoundPackages = {
  packages: ({
    name: string;
    version: string | null;
    summary: string;
    installed: boolean | null;
  })[];
  more: boolean;
};

export type PackageDetails = {
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
  fields: ([string, string])[];
  changelog: string | null;
  text: string;
};

export type FleetPackages = {
  nodes: ({
    node: number;
    name: string;
    manager: string | null;
    as_of_ms: number | null;
    upgradable: number;
    security: number | null;
    held: number;
    reboot_required: boolean | null;
    services: number;
    repair: number;
    error: JobError | null;
    job: number | null;
    full_upgrade: boolean;
  })[];
  packages: ({
    name: string;
    security: boolean | null;
    nodes: ({
      node: number;
      installed: string | null;
      new: string;
      held: boolean;
    })[];
  })[];
  more: boolean;
  counts: {
    nodes: number;
    upgradable_nodes: number;
    upgrades: number;
    security_nodes: number;
    security: number;
    reboot: number;
  };
  rules: string[];
};

export type PackagesFleetWish = {
  /** Waves begin with the one that is named first */
  nodes: number[];
  /** Left out: each node as it is set */
  full?: boolean;
  packages?: string[];
  /** A number of nodes, "25%" or "rest" */
  waves?: (number | string)[];
  /** How long a package manager that another process uses is waited for (900) */
  wait_s?: number;
  /** Of all that waits on each node what is for security */
  security?: boolean;
  /** By node, what its preview said: its job refuses when something else would be done */
  plans?: Record<string, string>;
  /** Of a preview: `next` of the answer before, to go on from there */
  cursor?: number;
};

export type PackageRemoval = {
  name: string;
  arch: string | null;
  installed: string | null;
  essential: boolean;
};

export type PackageRefusal = {
  kind: string;
  message: string;
  hint: string;
  /** What is to be done first, and is offered */
  repair: PackageRepair | null;
};

export type PackagesPreviewCounts = {
  upgraded: number;
  /** Of those that are upgraded; null: it can't be told */
  security: number | null;
  installed: number;
  removed: number;
  downgraded: number;
  /** What could be upgraded and is left as it is; of packages that were chosen, where some were */
  kept_back: number;
};

export type PackagesSettings = {
  /** Upgrades of this node are full ones where nothing else is asked for (Proxmox, Raspberry Pi OS) */
  full_upgrade: boolean;
};

export type LeftOutNode = {
  node: number;
  name: string;
  why: "unknown" | "unsupported" | "repair" | "busy";
  message: string;
  hint: string;
};

export type PackagesFleetPreview = {
  /** The nodes of each wave, in their order */
  waves: (number[])[];
  /** Nodes that were named and would not be worked on, with the reason */
  left_out: LeftOutNode[];
  /** Those that were asked for this answer, in the order of the waves */
  nodes: ({
    node: number;
    name: string;
    action: "upgrade" | "full-upgrade";
    /** `refused` says why in `refused`, `left_out` (found while it was asked) in `left_out`, `failed` (it could not be asked) in `error` */
    state: "ready" | "nothing" | "refused" | "left_out" | "failed";
    counts: PackagesPreviewCounts;
    /** At most 200, those for security first; `counts` has all */
    upgraded: PackageUpgrade[];
    installed: PackageUpgrade[];
    removed: PackageRemoval[];
    downgraded: PackageUpgrade[];
    kept_back: string[];
    /** A list was cut off */
    more: boolean;
    download_bytes: number | null;
    disk_bytes: number | null;
    restarts: string[];
    refused: PackageRefusal | null;
    error: JobError | null;
    left_out: LeftOutNode | null;
    warnings: ({
      kind: "offline" | "credentials" | "locked" | "busy";
      message: string;
    })[];
    /** To be sent in `plans` */
    plan: string | null;
  })[];
  /** There are more nodes: send it as `cursor` */
  next: number | null;
  rules: string[];
};

export type Spiders = {
  version: string;
  spiders: ({
    /** x86_64, aarch64 or armv7 */
    arch: string;
    bytes: number;
    sha256: string;
    /** Where to get it */
    path: string;
  })[];
};

/** By which time samples are too old. It follows the wall clock until that jumps */
export type HistoryClock = {
  /** doubted: the wall clock has jumped, and nothing is deleted by age for that, until it is back, most nodes have its time (one on another machine among them), somebody says that it is right, or, where all nodes run on the server's own machine, it went on steadily for an hour and jumped no more than 31 days. waiting: the same in the first minutes after a start, before anybody is told */
  state: "ok" | "waiting" | "doubted";
  /** What the clock of Ground Control's machine says, Unix milliseconds */
  wall: number;
  /** The time that it is as far as history goes; in doubt what is earlier of both counts */
  agreed: number;
  /** In doubt since then, as `agreed` goes */
  since: number | null;
  /** How far `wall` is ahead of `agreed`; negative: behind */
  jump_ms: number;
  /** For a person, with what to do */
  why: string | null;
};

export type HistoryWriter = {
  /** failing: nothing is stored and nothing acknowledged; the Spiders keep their samples */
  state: "ok" | "failing";
  reason: string | null;
  /** Unix milliseconds */
  since: number | null;
};

export type HistoryHealth = {
  writer: HistoryWriter;
  clock: HistoryClock;
};

export type ClockWord = {
  /** The time that it is, Unix milliseconds */
  now: number;
};

/** Each may do what those before it may: see; work on nodes; keep nodes, credentials, users and settings. `none` is of who signs in elsewhere and has groups alone: it can't be given */
export type Role = "none" | "viewer" | "operator" | "admin";

/** Beside the role; `deploy` is part of the role admin */
export type Right = "terminal" | "command" | "deploy";

/** What somebody may, and on which nodes */
export type Grant = {
  role: Role;
  /** Of the nodes that it is for; an empty list stands for all nodes */
  tags: string[];
  rights: Right[];
};

export type User = {
  id: number;
  username: string;
  role: Role;
  /** Of the nodes that it is for; an empty list stands for all nodes */
  tags: string[];
  rights: Right[];
  groups: number[];
  disabled: boolean;
  must_change_password: boolean;
  created_ms: number;
  /** Of the last login */
  login_ms: number | null;
  /** As in the ETag */
  version: number;
};

export type Users = {
  users: User[];
  next: string | null;
};

export type AddUser = {
  username: string;
  password: string;
  must_change_password?: boolean;
  role: Role;
  /** Of the nodes that it is for; an empty list stands for all nodes */
  tags?: string[];
  rights?: Right[];
  groups?: number[];
};

export type ChangeUser = {
  username?: string;
  /** Ends the user's sessions */
  password?: string;
  /** `true` ends the user's sessions: the next login has to set another password */
  must_change_password?: boolean;
  role?: Role;
  /** Of the nodes that it is for; an empty list stands for all nodes */
  tags?: string[];
  rights?: Right[];
  groups?: number[];
  disabled?: boolean;
};

export type Group = {
  id: number;
  name: string;
  role: Role;
  /** Of the nodes that it is for; an empty list stands for all nodes */
  tags: string[];
  rights: Right[];
  members: number[];
  created_ms: number;
  version: number;
};

export type Groups = {
  groups: Group[];
};

export type AddGroup = {
  name: string;
  role: Role;
  /** Of the nodes that it is for; an empty list stands for all nodes */
  tags?: string[];
  rights?: Right[];
};

export type ChangeGroup = {
  name?: string;
  role?: Role;
  /** Of the nodes that it is for; an empty list stands for all nodes */
  tags?: string[];
  rights?: Right[];
};

/** At most this of what its owner may */
export type Token = {
  id: number;
  name: string;
  user: number;
  username: string;
  role: Role;
  /** Of the nodes that it is for; an empty list stands for all nodes */
  tags: string[];
  rights: Right[];
  read_only: boolean;
  created_ms: number;
  expires_ms: number | null;
  used_ms: number | null;
  used_address: string | null;
};

export type NewToken = {
  id: number;
  name: string;
  user: number;
  username: string;
  role: Role;
  /** Of the nodes that it is for; an empty list stands for all nodes */
  tags: string[];
  rights: Right[];
  read_only: boolean;
  created_ms: number;
  expires_ms: number | null;
  used_ms: number | null;
  used_address: string | null;
  /** Shown this once */
  token: string;
};

export type Tokens = {
  tokens: Token[];
};

export type AddToken = {
  name: string;
  role?: Role;
  /** Of the nodes that it is for; an empty list stands for all nodes */
  tags?: string[];
  rights?: Right[];
  read_only?: boolean;
  expires_ms?: number | null;
};

export type SessionRow = {
  id: string;
  user: number;
  username: string;
  created_ms: number;
  expires_ms: number;
  used_ms: number;
  address: string;
  agent: string;
  current: boolean;
};

export type Sessions = {
  sessions: SessionRow[];
};

export type AuditLine = {
  id: number;
  time_ms: number;
  actor: "user" | "token" | "anyone" | "system";
  username: string;
  user: number | null;
  /** The session or the token, as their lists name them */
  via: string;
  address: string;
  action: string;
  node: number | null;
  node_name: string | null;
  /** done, refused, forbidden or failed; of jobs their state */
  outcome: string;
  detail: Record<string, unknown> | null;
  /** SHA-256 over that of the line before and this line */
  hash: string;
};

export type Audit = {
  audit: AuditLine[];
  next: string | null;
};

export type Factors = {
  /** An authenticator app is set up */
  totp: boolean;
  passkeys: Passkey[];
  /** Recovery codes that were not used */
  recovery_left: number;
  /** One has to be set up before anything else */
  required: boolean;
};

export type Passkey = {
  id: number;
  name: string;
  created_ms: number;
  used_ms: number | null;
};

export type NewTotp = {
  /** In base32, to be typed */
  secret: string;
  /** otpauth://…, for a QR code */
  uri: string;
};

export type Code = {
  /** Of the authenticator app, or a recovery code */
  code: string;
};

/** Shown this once; each is good once */
export type RecoveryCodes = {
  recovery_codes: string[];
};

export type Proof = {
  password?: string;
  /** Of the authenticator app, or a recovery code */
  code?: string;
  passkey?: PasskeyShown;
};

export type Settings = {
  /** Roles from this one on have to have a second factor */
  second_factor_for: "viewer" | "operator" | "admin" | null;
};

export type ChangeSettings = {
  /** Roles from this one on have to have a second factor */
  second_factor_for?: "viewer" | "operator" | "admin" | null;
};

/** The answer of navigator.credentials.get, in base64url */
export type PasskeyShown = {
  challenge: string;
  credential: string;
  client_data: string;
  authenticator_data: string;
  signature: string;
};

export type AddPasskey = {
  name: string;
  challenge: string;
  client_data: string;
  attestation: string;
};

/** What navigator.credentials.get is given */
export type PasskeyQuestion = {
  challenge: string;
  rp_id: string;
  timeout_ms: number;
  credentials: string[];
};

/** What navigator.credentials.create is given */
export type NewPasskeyQuestion = {
  challenge: string;
  rp_id: string;
  timeout_ms: number;
  credentials: string[];
  user: {
    id: string;
    name: string;
  };
  algorithms: number[];
};

export type SignInMethods = {
  /** Whether a password lets in */
  password: boolean;
  /** Whether browsers have passkeys for the page at this address */
  passkey: boolean;
  /** Why not */
  no_passkey: string | null;
  /** What the button says that leads to the issuer */
  oidc: string | null;
};
