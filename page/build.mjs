// Builds the page: bundles src/ with esbuild into built/, compresses each file, and records what it was made of, so that
// a test without Node can tell whether built/ is what the sources build (tests/cli/test_page.py).
//
//   npm ci --ignore-scripts && npm run build
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const built = join(here, 'built');
const target = ['chrome123', 'firefox125', 'safari17.5']; // light-dark(), MathML

const result = await build({
  entryPoints: { page: join(here, 'src/main.tsx') },
  outdir: built,
  bundle: true,
  minify: true,
  format: 'esm',
  target,
  charset: 'utf8',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none', // licenses.txt has them in full
  loader: { '.woff2': 'file' },
  assetNames: '[name]',
  metafile: true,
  write: false,
});

rmSync(built, { recursive: true, force: true });
mkdirSync(built);
for (const file of result.outputFiles) writeFileSync(file.path, file.contents);
for (const name of ['index.html', 'icon.svg']) cpSync(join(here, 'src', name), join(built, name));
writeFileSync(join(built, 'licenses.txt'), licenses(Object.keys(result.metafile.inputs)));

const files = {};
for (const name of readdirSync(built).sort()) {
  const bytes = readFileSync(join(built, name));
  writeFileSync(join(built, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  writeFileSync(
    join(built, `${name}.br`),
    brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
  );
}
for (const name of readdirSync(built).sort()) files[name] = hashOf(readFileSync(join(built, name)));
const manifest = { sources: sourcesHash(), files };
writeFileSync(join(built, 'manifest.json'), JSON.stringify(manifest, null, 1) + '\n');

for (const ending of ['', '.gz', '.br']) {
  const sizes = Object.keys(files).filter((name) => name.match(/\.(gz|br)$/)?.[0] === (ending || undefined));
  const bytes = sizes.reduce((sum, name) => sum + readFileSync(join(built, name)).length, 0);
  console.log(`built${ending || ' plain'}: ${bytes} bytes`);
}

function hashOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

// Of every source's path and contents, and of what builds them. tests/cli/test_page.py computes the same.
function sourcesHash() {
  const paths = ['build.mjs', 'package-lock.json', 'package.json', 'tsconfig.json'];
  for (const entry of readdirSync(join(here, 'src'), { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) paths.push(relative(here, join(entry.parentPath, entry.name)));
  }
  const lines = paths.sort().map((path) => `${hashOf(readFileSync(join(here, path)))}  ${path}\n`);
  return hashOf(lines.join(''));
}

// The licence of every package of which something is in the bundle.
function licenses(inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const name = input.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1];
    if (name) packages.add(name);
  }
  const parts = [...packages].sort().map((name) => {
    const folder = join(here, 'node_modules', name);
    const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|-|$)/i.test(entry));
    if (!file) throw new Error(`${name} has no licence file`);
    const text = readFileSync(join(folder, file), 'utf8').replace(/\r/g, '').trim();
    return `${name} ${about.version} (${about.license})\n\n${text}\n`;
  });
  return `The page of Hearth contains these packages:\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
