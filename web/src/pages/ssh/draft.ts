import type { SshAuth, SshHop, SshLogin } from '../../api/ssh';

/** How someone logs in, as it is being typed. Lives in the state of one component and nowhere else. */
export interface AuthDraft {
  how: 'key' | 'password';
  key: string;
  passphrase: string;
  /** The signed public half beside the key. */
  certificate: string;
  /** Beside the key, for servers that want both. */
  second: string;
  password: string;
}

export interface JumpDraft {
  on: boolean;
  host: string;
  port: string;
  user: string;
  /** The node's own credentials are good for the jump host too. */
  same: boolean;
  auth: AuthDraft;
}

export interface LoginDraft {
  host: string;
  port: string;
  user: string;
  auth: AuthDraft;
  sudo: string;
  jump: JumpDraft;
  /** Of Ground Control's own key, for machines that do not trust its certificate. */
  pin: string;
}

const NO_AUTH: AuthDraft = {
  how: 'key',
  key: '',
  passphrase: '',
  certificate: '',
  second: '',
  password: '',
};

export const EMPTY_LOGIN: LoginDraft = {
  host: '',
  port: '22',
  user: 'root',
  auth: NO_AUTH,
  sudo: '',
  jump: { on: false, host: '', port: '22', user: 'root', same: true, auth: NO_AUTH },
  pin: '',
};

/**
 * `root@pi4.lan:2222`, `ssh -p 2222 root@pi4.lan` or `[2001:db8::1]:22`, as it may be pasted into the field
 * for the host: taken apart. Null when it is nothing but a host.
 */
export function takeApart(text: string): { host: string; port?: string; user?: string } | null {
  let rest = text.trim();
  let port: string | undefined;
  if (/^ssh\s/.test(rest)) {
    rest = rest.slice(3).trim();
    const flag = /(?:^|\s)-p\s*(\d+)(?=\s|$)/.exec(rest);
    if (flag) {
      port = flag[1];
      rest = rest.replace(flag[0], ' ').trim();
    }
  }
  rest = rest.replace(/^ssh:\/\//, '').replace(/\/$/, '');
  if (/\s/.test(rest)) return null;
  const at = rest.lastIndexOf('@');
  const user = at > 0 ? rest.slice(0, at) : undefined;
  let host = rest.slice(at + 1);
  const bracketed = /^\[([0-9a-fA-F:.%\w]+)\](?::(\d+))?$/.exec(host);
  const plain = /^([^:[\]]+):(\d+)$/.exec(host);
  if (bracketed) {
    host = bracketed[1]!;
    port = bracketed[2] ?? port;
  } else if (plain) {
    host = plain[1]!;
    port = plain[2];
  }
  if (host === '' || (host === text && user === undefined && port === undefined)) return null;
  return { host, port, user };
}

/** What was pasted in place of a private key, when it is none: in words. Null when it looks like one. */
export function keyObjection(key: string): string | null {
  const text = key.trim();
  if (text === '') return 'The private key is missing.';
  if (/^[\w.-]+-cert-v01@openssh\.com /.test(text)) {
    return 'This is a certificate. It goes beside its private key, into the field below.';
  }
  if (/^(?:ssh-|ecdsa-|sk-)[\w@.-]+ /.test(text)) {
    return 'This is the public half. The private key is in the file without .pub, and begins with -----BEGIN.';
  }
  if (text.startsWith('PuTTY-User-Key-File')) {
    return 'This is a key of PuTTY. Export it as an OpenSSH key first (PuTTYgen: Conversions).';
  }
  if (!/^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) {
    return 'This is no private key: one begins with -----BEGIN … PRIVATE KEY-----.';
  }
  if (!/-----END [A-Z0-9 ]*PRIVATE KEY-----$/.test(text)) return 'The end of the key is missing.';
  return null;
}

/** The same of a certificate, which may be left out. */
export function certificateObjection(certificate: string): string | null {
  const text = certificate.trim();
  if (text === '' || /^[\w.-]+-cert-v01@openssh\.com [A-Za-z0-9+/=]+(?: .*)?$/.test(text)) return null;
  return 'This is no certificate: it is the one line of the file whose name ends in -cert.pub.';
}

export function authObjection(auth: AuthDraft): string | null {
  if (auth.how === 'key') return keyObjection(auth.key) ?? certificateObjection(auth.certificate);
  return auth.password === '' ? 'The password is missing.' : null;
}

function portOf(text: string): number | null {
  const port = Number(text);
  return /^\d{1,5}$/.test(text.trim()) && port >= 1 && port <= 65_535 ? port : null;
}

export type Objection = { field: 'host' | 'port' | 'user' | 'auth' | 'jump'; text: string };

/** The first thing that is missing or can't be right. The rest is for the server to find out. */
export function objection(draft: LoginDraft): Objection | null {
  if (draft.host.trim() === '') return { field: 'host', text: 'The host is missing.' };
  if (portOf(draft.port) === null) return { field: 'port', text: 'A port is a number up to 65535.' };
  if (draft.user.trim() === '') return { field: 'user', text: 'The user is missing.' };
  const auth = authObjection(draft.auth);
  if (auth) return { field: 'auth', text: auth };
  if (!draft.jump.on) return null;
  if (draft.jump.host.trim() === '') return { field: 'jump', text: 'The jump host is missing.' };
  if (portOf(draft.jump.port) === null || draft.jump.user.trim() === '') {
    return { field: 'jump', text: 'The jump host needs a user and a port.' };
  }
  const jumpAuth = draft.jump.same ? null : authObjection(draft.jump.auth);
  return jumpAuth ? { field: 'jump', text: jumpAuth } : null;
}

export function authOf(draft: AuthDraft): SshAuth {
  if (draft.how === 'password') return { password: draft.password };
  // A key without a line's end at its end is refused by some.
  const key = `${draft.key.trim().replace(/\r\n?/g, '\n')}\n`;
  const certificate = draft.certificate.trim();
  return {
    key,
    ...(draft.passphrase === '' ? {} : { passphrase: draft.passphrase }),
    ...(certificate === '' ? {} : { certificate }),
    ...(draft.second === '' ? {} : { password: draft.second }),
  };
}

/** Host keys that were confirmed for this login. */
export interface Confirmed {
  node?: string;
  jump?: string;
}

/** What is sent, once there is no objection. */
export function loginOf(draft: LoginDraft, confirmed: Confirmed): SshLogin {
  const hop = (host: string, port: string, user: string, auth: AuthDraft, key?: string): SshHop => ({
    host: host.trim(),
    port: portOf(port) ?? 22,
    user: user.trim(),
    auth: authOf(auth),
    ...(key ? { host_key: key } : {}),
  });
  const { jump } = draft;
  return {
    ...hop(draft.host, draft.port, draft.user, draft.auth, confirmed.node),
    ...(draft.sudo === '' ? {} : { sudo_password: draft.sudo }),
    ...(jump.on
      ? { jump: hop(jump.host, jump.port, jump.user, jump.same ? draft.auth : jump.auth, confirmed.jump) }
      : {}),
    ...(draft.pin.trim() === '' ? {} : { pin: draft.pin.trim() }),
  };
}

/** `user@host:port`, without what is as always. */
export function targetWords(draft: Pick<LoginDraft, 'host' | 'port' | 'user'>): string {
  const host = draft.host.includes(':') ? `[${draft.host}]` : draft.host;
  return `${draft.user}@${host}${draft.port.trim() === '22' ? '' : `:${draft.port.trim()}`}`;
}

/** Where it leads, whoever logs in: a host key that was confirmed is good for this. */
export function placeOf({ host, port, jump }: LoginDraft): string {
  return JSON.stringify([host.trim(), port.trim(), jump.on ? [jump.host.trim(), jump.port.trim()] : null]);
}
