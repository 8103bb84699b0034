/** How nodes are reached over SSH: what is sent once, and what can be asked for afterwards. */

export type SshAuth =
  /** The password beside a key is for servers that want both. */
  { key: string; passphrase?: string; certificate?: string; password?: string } | { password: string };

export interface SshHop {
  host: string;
  port?: number;
  user: string;
  auth: SshAuth;
  /** The fingerprint that the operator has confirmed. */
  host_key?: string;
}

export interface SshLogin extends SshHop {
  sudo_password?: string;
  jump?: SshHop;
  /** What a Spider knows the server's key by. */
  pin?: string;
  /** Looked at for a service of the login's own user. */
  without_root?: boolean;
}

export interface DeployRequest extends SshLogin {
  name?: string;
  tags?: string[];
  keep_on_failure?: boolean;
  /** False: the credentials are wiped when the job ends. */
  remember?: boolean;
  /** Also when the host is another node already. */
  replace?: boolean;
}

/** Secrets that were forgotten, given for one job. */
export interface Secrets {
  auth?: SshAuth;
  sudo_password?: string;
}

export interface CheckStep {
  name: string;
  ok: boolean;
  detail: string;
  hint: string;
  cause: string | null;
  ms: number;
}

export interface ShownKey {
  type: string;
  sha256: string;
  state: 'known' | 'new' | 'changed';
}

export interface CheckReport {
  ok: boolean;
  steps: CheckStep[];
  host_key: ShownKey | null;
  jump_host_key: ShownKey | null;
  privilege: string | null;
  /** The node that this host is already. */
  known_node?: { id: number; name: string } | null;
  facts: {
    hostname: string;
    os: { name: string };
    kernel: string;
    arch: string | null;
    init: string;
    package_manager: string | null;
  } | null;
}

interface StoredKey {
  type: string | null;
  sha256: string;
}

export interface Connection {
  host: string;
  port: number;
  user: string;
  /** Null: the credentials were forgotten. */
  auth: 'key' | 'password' | 'key_and_password' | null;
  sudo_password: boolean;
  host_key: StoredKey | null;
  jump: {
    host: string;
    port: number;
    user: string;
    auth: 'key' | 'password' | 'key_and_password' | null;
    host_key: StoredKey | null;
  } | null;
  spider: {
    method: string;
    version: string;
    arch: string;
    server_url: string;
    installed_ms: number;
  } | null;
}

/** One host of a list to import. */
export interface ImportHost {
  line: number;
  name: string;
  host: string;
  port: number;
  user: string | null;
  tags: string[];
  jump: string | null;
  error: string | null;
}
