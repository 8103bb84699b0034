import { useSyncExternalStore } from 'react';
import { setProver } from './client';

/** Somebody who is asked to prove once more that they are there, and what waits for it. */
let asked: { done: Promise<boolean>; answer(proved: boolean): void } | null = null;
const subscribers = new Set<() => void>();

function set(next: typeof asked): void {
  asked = next;
  for (const notify of subscribers) notify();
}

setProver(() => {
  if (!asked) {
    let answer: (proved: boolean) => void = () => {};
    const done = new Promise<boolean>((resolve) => {
      answer = resolve;
    });
    set({ done, answer });
    return done;
  }
  // Several at once wait for the one answer.
  return asked.done;
});

export function answerProof(proved: boolean): void {
  const before = asked;
  set(null);
  before?.answer(proved);
}

export function useProofAsked(): boolean {
  return useSyncExternalStore(
    (notify) => {
      subscribers.add(notify);
      return () => subscribers.delete(notify);
    },
    () => asked !== null,
  );
}
