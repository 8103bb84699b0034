/** Small choices remembered on this device. Storage may be full or switched off: then they last for the visit. */
const memory = new Map<string, string>();

export function readPref(name: string): string | null {
  try {
    return localStorage.getItem(`stardust.${name}`) ?? memory.get(name) ?? null;
  } catch {
    return memory.get(name) ?? null;
  }
}

export function writePref(name: string, value: string): void {
  memory.set(name, value);
  try {
    localStorage.setItem(`stardust.${name}`, value);
  } catch {
    // Kept in memory above.
  }
}
