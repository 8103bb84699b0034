import { useState } from 'react';

/** Something that is being changed, as it was when it was opened; and as it is now, when somebody else was quicker. */
export function useEdit<T, Draft>(opened: T, draftOf: (base: T) => Draft, load: () => Promise<T>) {
  const [base, setBase] = useState(opened);
  const [draft, set] = useState(() => draftOf(opened));
  const [renewed, setRenewed] = useState(false);
  async function renew() {
    const now = await load();
    setBase(now);
    set(draftOf(now));
    setRenewed(true);
  }
  return { base, draft, set, renewed, renew };
}
