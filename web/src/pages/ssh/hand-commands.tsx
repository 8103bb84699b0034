import Download from 'lucide-react/icons/download';
import { api } from '../../api/client';
import type { AddedNode } from '../../api/types';
import { localAddressIn } from '../../lib/local-address';
import { bytes } from '../../lib/units';
import { useLoaded } from '../../lib/use-loaded';
import { CopyButton } from '../../ui/copy';

function Secret({ label, text, testId }: { label: string; text: string; testId: string }) {
  return (
    <div className="grid grid-cols-1 gap-1">
      <div className="flex items-center justify-between gap-2">
        <span className="text-sm text-dim">{label}</span>
        <CopyButton text={text} />
      </div>
      <pre
        data-testid={testId}
        className="rounded-md border border-line bg-ink px-3 py-2 font-mono text-xs leading-5 wrap-anywhere whitespace-pre-wrap select-all"
      >
        {text}
      </pre>
    </div>
  );
}

/** A new token with all that it takes to put it, and the Spider, on a machine by hand. Shown this once. */
export function HandCommands({ added }: { added: AddedNode }) {
  const local = localAddressIn(added.command);
  return (
    <>
      {local && (
        <div
          role="alert"
          data-testid="local-address"
          className="rounded-md border border-warn/50 bg-warn/8 px-3 py-2 text-sm"
        >
          <p className="font-medium">
            The commands name <code className="font-mono text-xs">{local}</code>: on another machine that is
            itself, not this server.
          </p>
          <p className="mt-0.5 text-dim">
            They are good on this machine only. For others open this page by an address that they reach, or
            start Ground Control with <code className="font-mono text-xs">--bind 0.0.0.0</code>, or name the
            address with <code className="font-mono text-xs">--server-url</code>; then make a new token.
          </p>
        </div>
      )}
      <Secret
        label="Paste this into a root shell on the machine"
        text={added.install}
        testId="add-node-install"
      />
      <p className="text-sm text-dim">
        It fetches the Spider from here, checks it, and starts it as a service (systemd, OpenRC, sysvinit,
        runit, procd); it needs curl and sha256sum. The token is shown this once. If it gets lost, the node’s
        actions make a new one.
      </p>
      <details open className="rounded-md border border-line px-3 py-2">
        <summary className="text-sm text-dim">In another way: the file, the token, the command alone</summary>
        <div className="grid grid-cols-1 gap-4 pt-3">
          <Files />
          <Secret
            label="Starts it without a service, where the file is in the path"
            text={added.command}
            testId="add-node-command"
          />
          <Secret label="The token alone" text={added.token} testId="add-node-token" />
        </div>
      </details>
    </>
  );
}

function Files() {
  const { data, error } = useLoaded('spiders', (signal) => api.spiders(signal));
  if (!data) {
    return error ? <p className="text-sm text-bad">{error.message}</p> : null;
  }
  return (
    <div className="grid grid-cols-1 gap-1" data-testid="spider-files">
      <p className="text-sm text-dim">The Spider {data.version} as a file, to copy to the machine yourself</p>
      <ul className="divide-y divide-line rounded-md border border-line">
        {data.spiders.map((spider) => (
          <li key={spider.arch} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-1.5">
            <a
              href={spider.path}
              download={`stardust-spider-${spider.arch}`}
              className="inline-flex items-center gap-2 text-sm underline underline-offset-2"
            >
              <Download size={14} aria-hidden />
              {spider.arch}
            </a>
            <span className="text-xs text-faint">{bytes(spider.bytes)}</span>
            <code className="min-w-0 font-mono text-2xs text-faint wrap-anywhere">
              SHA-256 {spider.sha256}
            </code>
          </li>
        ))}
      </ul>
      {data.spiders.length < 3 && (
        <p className="text-xs text-faint">
          This Ground Control was built for {data.spiders.map((spider) => spider.arch).join(' and ')} alone;
          cross/build.sh makes the others, and --agent-dir names them.
        </p>
      )}
    </div>
  );
}
