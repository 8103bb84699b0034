/** The first that fits is it: most call themselves by the names of others too. */
const BROWSERS: readonly [RegExp, string][] = [
  [/\b(?:Edg|EdgA|EdgiOS)\/(\d+)/, 'Edge'],
  [/\b(?:OPR|Opera)\/(\d+)/, 'Opera'],
  [/\bVivaldi\/(\d+)/, 'Vivaldi'],
  [/\bSamsungBrowser\/(\d+)/, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/\bHeadlessChrome\/(\d+)/, 'Headless Chrome'],
  [/\b(?:Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/\bVersion\/(\d+)[\d.]* .*Safari\//, 'Safari'],
];
const SYSTEMS: readonly [RegExp, string][] = [
  [/\biPhone\b/, 'an iPhone'],
  [/\biPad\b/, 'an iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'a Mac'],
  [/\bLinux\b|\bX11\b/, 'Linux'],
];
/** `curl/8.5.0`, `python-requests/2.31`. */
const PROGRAM = /^([A-Za-z][\w.+-]{0,40})\/(\d+(?:\.\d+)?)/;

/** What a browser or a program calls itself, in plain words. */
export function agentWords(agent: string): string {
  const text = agent.slice(0, 400);
  for (const [pattern, name] of BROWSERS) {
    const found = pattern.exec(text);
    if (!found) continue;
    const system = SYSTEMS.find(([of]) => of.test(text))?.[1];
    return `${name} ${found[1]}${system ? ` on ${system}` : ''}`;
  }
  const program = PROGRAM.exec(text);
  if (program && program[1] !== 'Mozilla') return `${program[1]} ${program[2]}`;
  return text.trim() === '' ? 'Something that does not say what it is' : text;
}
