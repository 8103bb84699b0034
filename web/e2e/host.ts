import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Program } from './ground-control';

const root = resolve(import.meta.dirname, '../..');
const scripts = join(root, 'server/tests/hosts');
const base =
  process.env.STARDUST_HOSTS ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'hosts');

/** Where every test host finds this machine. */
export const MACHINE = '198.19.0.1';

/** Whether hosts can be booted here. In CI they must be. */
export function canBoot(): boolean {
  const missing =
    process.getuid?.() !== 0
      ? 'only root can boot hosts'
      : !existsSync(join(base, 'debian/.stamp'))
        ? `${base} is not there: bash server/tests/hosts/build.sh ${base}`
        : null;
  if (missing === null) return true;
  if (process.env.CI === 'true') throw new Error(`The test hosts are missing: ${missing}`);
  console.warn(`left out: ${missing}`);
  return false;
}

/** A Debian with systemd and OpenSSH, booted for a test. */
export class Host {
  private constructor(
    private readonly keeper: Program,
    readonly address: string,
    /** A folder that shows it from outside. */
    private readonly run: string,
  ) {}

  static async boot(): Promise<Host> {
    const keeper = new Program('bash', [join(scripts, 'host.sh'), base, 'debian'], {}, true);
    const [address, run] = await keeper.says(/ready (\S+) (\S+)/);
    return new Host(keeper, address!, run!);
  }

  read(path: string): string {
    return readFileSync(join(this.run, 'root', path), 'utf8');
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.run, 'root', path), text);
  }

  has(path: string): boolean {
    return existsSync(join(this.run, 'root', path));
  }

  /** Runs a script on it as root, past SSH. */
  shell(script: string): string {
    const nspawn = readFileSync(join(this.run, 'nspawn'), 'utf8').trim();
    // Its only child is the host's init, now as after a reboot.
    const init = readFileSync(`/proc/${nspawn}/task/${nspawn}/children`, 'utf8').trim();
    const into = ['-t', init, '-m', '-u', '-i', '-n', '-p', '--', '/bin/sh', '-c', script];
    return execFileSync('nsenter', into, { encoding: 'utf8' });
  }

  /** What `ssh-keygen -lf` says on its console. */
  fingerprint(type: string): string {
    const file = join(this.run, 'root/etc/ssh', `ssh_host_${type}_key.pub`);
    return execFileSync('ssh-keygen', ['-lf', file], { encoding: 'utf8' }).split(' ')[1]!;
  }

  /** Its keeper clears it away; one that is killed can't. */
  async stop(): Promise<void> {
    await this.keeper.release();
    if (existsSync(this.run)) throw new Error(`${this.run} is still there:\n${this.keeper.output}`);
  }
}

/** A private key that the hosts know. */
export function privateKey(name: string): string {
  return readFileSync(join(base, 'keys', name), 'utf8');
}
