// SPDX-License-Identifier: Apache-2.0
//
// node onnx_export.mjs IMPASTO PAINT_RAW PACK: do exported models paint in ONNX Runtime as impasto paints? Speaks TAP; skips
// without onnxruntime-node (runtime.mjs). Pictures are sums of waves with noise and edges, at odd sizes; all must agree within 1e-4 of a range of 0..1.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findRuntime } from './runtime.mjs';

const TOLERANCE = 1e-4;
const FLAT = 1e-1; // of one colour: normalisation divides what rounding left by the root of epsilon
const SIZES = [[61, 47], [5, 5], [1, 1], [3, 90], [128, 64], [130, 101], [640, 427]];

const ort = findRuntime();
const [impasto, paintRaw, pack] = process.argv.slice(2).map((f) => resolve(f));
const work = mkdtempSync(join(tmpdir(), 'onnx-export-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

// Planes (3, height, width) in 0..1 with something of everything.
function picture(width, height, seed) {
  const out = new Float32Array(3 * width * height);
  let state = seed >>> 0;
  for (let c = 0, i = 0; c < 3; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const wave = Math.sin(x * 0.11 * (c + 1) + seed) * Math.cos(y * 0.07 + c), edge = (x >> 4) + (y >> 3) & 1;
        out[i] = Math.min(1, Math.max(0, 0.5 + 0.3 * wave + 0.15 * edge + 0.1 * (state / 2 ** 32 - 0.5)));
      }
  return out;
}

function painted(style, width, height, planes) {
  const from = join(work, 'in.raw'), to = join(work, 'out.raw');
  writeFileSync(from, planes);
  execFileSync(paintRaw, [`${pack}:${style}`, `${width}x${height}`, from, to]);
  const bytes = readFileSync(to);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function exported(...options) {
  const path = join(work, 'model.onnx');
  execFileSync(impasto, ['export', pack, '-o', path, '--overwrite', ...options]);
  return path;
}

const session = (path) => ort.InferenceSession.create(path, { logSeverityLevel: 3, intraOpNumThreads: 2 });

function distance(a, b, scale = 1) {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i] / scale - b[i]);
    if (!(d <= worst)) worst = d;
  }
  return worst;
}

let count = 0, failed = 0;
function report(name, far, tolerance = TOLERANCE) {
  const ok = far <= tolerance;
  failed += !ok;
  console.log(`${ok ? 'ok' : 'not ok'} ${++count} - ${name}: ${far.toExponential(1)}`);
}

async function run(model, width, height, planes, batch, feeds = {}) {
  const photo = new ort.Tensor('float32', planes, [batch, 3, height, width]);
  const { painting } = await model.run({ photo, ...feeds });
  if (String(painting.dims) !== String([batch, 3, height, width])) return new Float32Array(0);
  return painting.data;
}

// The styles in the order of their rows, from the manifest in the head of the pack.
const head = readFileSync(pack), length = Number(head.readBigUInt64LE(0));
const manifest = JSON.parse(JSON.parse(head.subarray(8, 8 + length).toString()).__metadata__.impasto);
const rows = manifest.styles.map((style) => style.name);
const [first, second] = [rows[0], rows.at(-1)];

for (const opset of [11, 13, 17]) {
  const model = await session(exported('--style', first, '--opset', String(opset)));
  for (const [width, height] of opset === 13 ? SIZES : SIZES.slice(0, 2)) {
    const photo = picture(width, height, width);
    report(`opset ${opset}, ${width}x${height}`,
      distance(await run(model, width, height, photo, 1), painted(first, width, height, photo)),
      width * height === 1 ? FLAT : TOLERANCE);
  }
}
{
  const [width, height] = [75, 42], a = picture(width, height, 1), b = picture(width, height, 2);
  const both = Float32Array.of(...a, ...b), wanted = [painted(second, width, height, a), painted(second, width, height, b)];
  const path = exported('--style', second, '--weights', 'f16');
  report('another style, float16 weights, a batch of two',
    distance(await run(await session(path), width, height, both, 2), Float32Array.of(...wanted[0], ...wanted[1])));
  const full = statSync(exported('--style', second)).size, half = statSync(exported('--style', second, '--weights', 'f16')).size;
  report(`float16 weights take half the room (${half} of ${full} bytes)`, half < 0.55 * full ? 0 : 1);

  const all = await session(exported('--all-styles'));
  const weights = new Float32Array(2 * rows.length);
  weights[rows.indexOf(first)] = 1;
  weights[rows.length + rows.indexOf(second)] = 1;
  const style = new ort.Tensor('float32', weights, [2, rows.length]);
  report('all styles, another for each of two pictures', distance(await run(all, width, height, both, 2, { style }),
    Float32Array.of(...painted(first, width, height, a), ...wanted[1])));

  const last = await session(exported('--style', second, '--layout', 'nhwc'));
  const interleaved = a.map((_, i) => a[(i % 3) * width * height + Math.floor(i / 3)]);
  const found = (await last.run({ photo: new ort.Tensor('float32', interleaved, [1, height, width, 3]) })).painting;
  report('channels last', String(found.dims) !== String([1, height, width, 3]) ? Infinity
    : distance(found.data, wanted[0].map((_, i) => wanted[0][(i % 3) * width * height + Math.floor(i / 3)])));

  const bytes = await session(exported('--style', second, '--range', '0..255', '--fixed', `${width}x${height}`));
  report('fixed size, 0..255',
    distance(await run(bytes, width, height, a.map((v) => v * 255), 1), wanted[0], 255));
}
console.log(`1..${count}`);
process.exitCode = failed ? 1 : 0;
