import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const PATIENCE_MS = 60_000;

/** A child process that is ended by its pid, and whose words are kept for when a test fails. */
export class Program {
  output = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;

  /** `onLeash`: it ends by itself, in order, when its standard input does; so also after us. */
  constructor(command: string, args: string[], env: Record<string, string>, onLeash = false) {
    const { STARDUST_SECRET: _s, STARDUST_ADMIN_PASS: _p, ...inherited } = process.env;
    this.child = spawn(command, args, {
      env: { ...inherited, ...env },
      // Some programs live as long as whoever holds the other end.
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.ended = new Promise((done) => {
      this.child.once('error', (error) => {
        this.output += String(error);
        done(null);
      });
      this.child.once('exit', done);
    });
    // Also when the test runner itself is stopped.
    if (!onLeash) process.once('exit', () => this.child.kill('SIGKILL'));
  }

  /** The groups of `pattern`, as soon as it is in the output. */
  async says(pattern: RegExp): Promise<string[]> {
    const until = Date.now() + PATIENCE_MS;
    while (Date.now() < until && this.child.exitCode === null) {
      const found = pattern.exec(this.output);
      if (found) return found.slice(1);
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`It never said ${pattern}:\n${this.output}`);
  }

  /** Its exit code after the end of its standard input, however long it clears up. */
  async release(): Promise<number | null> {
    this.child.stdin!.end();
    return await this.ended;
  }

  /** Its exit code after `signal`. */
  async stop(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    const cut = setTimeout(() => this.child.kill('SIGKILL'), 20_000);
    const code = await this.ended;
    clearTimeout(cut);
    return code;
  }
}

function serverBinary(): string {
  const named = process.env.STARDUST_SERVER;
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  const binary = named ?? join(target, 'release/stardust-server');
  if (!existsSync(binary)) {
    throw new Error(`${binary} is missing: run \`cargo build --release\`, or set STARDUST_SERVER.`);
  }
  return binary;
}

export class GroundControl {
  private constructor(
    private program: Program,
    private readonly folder: string,
    readonly url: string,
    readonly user: string,
    readonly password: string,
  ) {}

  /** This machine, with a password of its own. */
  static async demo(): Promise<GroundControl> {
    const folder = mkdtempSync(join(tmpdir(), 'stardust-e2e-'));
    const program = new Program(serverBinary(), ['--demo', '--port', '0'], { TMPDIR: folder });
    const [url] = await program.says(/live at (http:\S+)/);
    const [user, password] = await program.says(/Sign in as (\S+) with (\S+)/);
    return new GroundControl(program, folder, url!, user!, password!);
  }

  /** Fresh, with admin and admin. */
  static async fresh(): Promise<GroundControl> {
    const folder = mkdtempSync(join(tmpdir(), 'stardust-e2e-'));
    const args = ['--port', '0', '--db', join(folder, 'stardust.db')];
    const program = new Program(serverBinary(), args, {
      TMPDIR: folder,
      STARDUST_SECRET: 'ground-control-to-major-tom',
    });
    const [url] = await program.says(/listens on (http:\S+)/);
    return new GroundControl(program, folder, url!, 'admin', 'admin');
  }

  /** On an address of this machine that test hosts reach. */
  static async at(address: string, more: string[] = []): Promise<GroundControl> {
    const folder = mkdtempSync(join(tmpdir(), 'stardust-e2e-'));
    const args = ['--bind', address, '--port', '0', '--db', join(folder, 'stardust.db'), ...more];
    const password = 'put your helmet on';
    const program = new Program(serverBinary(), args, {
      TMPDIR: folder,
      STARDUST_SECRET: 'ground-control-to-major-tom',
      STARDUST_ADMIN_PASS: password,
    });
    const [url] = await program.says(/listens on (http:\S+)/);
    return new GroundControl(program, folder, url!, 'admin', password);
  }

  /** The Spider that the demo wrote into its folder. */
  get spider(): string {
    const found = readdirSync(this.folder, { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith('/stardust-spider'),
    );
    if (!found) throw new Error('the demo has no Spider in its folder');
    return join(this.folder, found);
  }

  /** The database file, wherever the server has put it. */
  get database(): string {
    const found = readdirSync(this.folder, { recursive: true, encoding: 'utf8' }).find((name) =>
      /(^|\/)[^/]*\.db$/.test(name),
    );
    if (!found) throw new Error('there is no database in the folder');
    return join(this.folder, found);
  }

  /** Ends it, does something to its database, and starts it again where it was. Not for the demo. */
  async restart(meanwhile: (database: string) => void): Promise<void> {
    await this.program.stop('SIGINT');
    meanwhile(this.database);
    const { hostname, port } = new URL(this.url);
    const args = ['--bind', hostname, '--port', port, '--db', this.database];
    this.program = new Program(serverBinary(), args, {
      TMPDIR: this.folder,
      STARDUST_SECRET: 'ground-control-to-major-tom',
    });
    await this.program.says(/listens on (http:\S+)/);
  }

  get log(): string {
    return this.program.output;
  }

  /** Ctrl-C, and what it left behind. */
  async stop(): Promise<{ code: number | null; left: string[] }> {
    const code = await this.program.stop('SIGINT');
    const left = readdirSync(this.folder).filter((name) => !name.startsWith('stardust.db'));
    rmSync(this.folder, { recursive: true, force: true });
    return { code, left };
  }
}
