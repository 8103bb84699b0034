// After `vite build`: writes .br and .gz siblings of every text file over 1 KB (Ground Control embeds and
// serves them as they are), prints the sizes, and fails when the first screen's script is over budget.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url).pathname;
const COMPRESS_OVER_BYTES = 1024;
const FIRST_SCREEN_SCRIPT_BYTES_MAX = 200 * 1024;
const TEXT = /\.(?:js|css|html|svg|json|txt|webmanifest)$/;

function filesUnder(dir) {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}

/** The scripts that index.html names, preloads included: what a browser fetches before the first screen. */
function firstScreenScripts() {
  const page = readFileSync(join(dist, 'index.html'), 'utf8');
  const named = [...page.matchAll(/(?:src|href)="\/([^"]+\.js)"/g)].map((match) => match[1]);
  if (!named.some((name) => name.startsWith('assets/'))) {
    throw new Error('finish-build: index.html names no script under assets/');
  }
  return new Set(named);
}

const first = firstScreenScripts();

let firstScreenGzipBytes = 0;
let firstScreenBrotliBytes = 0;
const rows = [];
for (const path of filesUnder(dist).filter((p) => TEXT.test(p))) {
  const raw = readFileSync(path);
  const name = relative(dist, path);
  let gzipBytes = raw.length;
  let brotliBytes = raw.length;
  if (raw.length > COMPRESS_OVER_BYTES) {
    const gz = gzipSync(raw, { level: 9 });
    const br = brotliCompressSync(raw, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      },
    });
    writeFileSync(`${path}.gz`, gz);
    writeFileSync(`${path}.br`, br);
    gzipBytes = gz.length;
    brotliBytes = br.length;
  }
  if (first.has(name)) {
    firstScreenGzipBytes += gzipBytes;
    firstScreenBrotliBytes += brotliBytes;
  }
  rows.push({ name, raw: raw.length, gzipBytes, brotliBytes, first: first.has(name) });
}

const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`.padStart(10);
for (const row of rows.sort((a, b) => b.raw - a.raw)) {
  console.log(
    `${row.first ? '*' : ' '} ${row.name.padEnd(40)} ${kb(row.raw)}  gzip ${kb(row.gzipBytes)}  br ${kb(row.brotliBytes)}`,
  );
}
console.log(`* first screen's script: gzip ${kb(firstScreenGzipBytes)}, br ${kb(firstScreenBrotliBytes)}`);
// The larger of the two counts: a proxy in front may speak gzip only.
if (firstScreenGzipBytes > FIRST_SCREEN_SCRIPT_BYTES_MAX) {
  console.error(
    `The first screen's script is over its budget of ${kb(FIRST_SCREEN_SCRIPT_BYTES_MAX)}: load what it does not need lazily.`,
  );
  process.exit(1);
}
