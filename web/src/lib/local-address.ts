/** Whether only this very machine is meant by the host of an address: `ws://127.0.0.1:8933`, `localhost`. */
export function isLocalHost(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    name === '0.0.0.0' ||
    name === '::' ||
    /^127(?:\.\d{1,3}){3}$/.test(name) ||
    /^::ffff:127\./.test(name)
  );
}

/** The address that a command of Ground Control names, when it is of use to this machine alone. */
export function localAddressIn(command: string): string | null {
  const found = /\bwss?:\/\/(\[[^\]]+\]|[^/:'"\s]+)(?::\d+)?/.exec(command);
  return found && isLocalHost(found[1]!) ? found[0] : null;
}
