import { useState } from 'react';
import { live } from '../live/store';
import { Button } from './button';
import { CopyButton } from './copy';
import { PROXIES, type ProxyId } from './proxies';
import { Segmented } from './segmented';

/** The server answers over HTTP, and /live never opens: what a proxy in front has to be told. */
export default function NoWebSockets() {
  const [id, setId] = useState<ProxyId>('nginx');
  const proxy = PROXIES.find((one) => one.id === id)!;
  return (
    <section
      aria-label="WebSockets don’t come through"
      data-testid="no-web-sockets"
      className="panel mx-auto grid w-full max-w-180 grid-cols-1 gap-4 p-5"
    >
      <div className="grid gap-2">
        <h2 className="text-lg font-semibold">WebSockets don’t come through</h2>
        <p className="text-sm text-dim">
          Ground Control answers, but the live connection (<code className="font-mono text-xs">/live</code>)
          never opens. Most often a proxy in front does not pass{' '}
          <code className="font-mono text-xs">Upgrade</code>, or changes{' '}
          <code className="font-mono text-xs">Host</code>. Spiders on{' '}
          <code className="font-mono text-xs">/ws</code> need the same.
        </p>
      </div>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <Segmented<ProxyId> legend="Proxy" choices={PROXIES} value={id} testId="proxy" onChange={setId} />
        <CopyButton text={proxy.lines} />
      </div>
      <pre className="overflow-x-auto rounded-md border border-line bg-ink px-3 py-2 font-mono text-xs leading-5">
        {proxy.lines}
      </pre>
      <p className="text-sm text-dim">{proxy.note}</p>
      <div className="flex flex-wrap items-center gap-3">
        <Button look="primary" onClick={live.retryNow}>
          Try again
        </Button>
        <span className="text-xs text-faint">It is tried by itself too.</span>
      </div>
    </section>
  );
}
