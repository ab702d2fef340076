// SPDX-License-Identifier: Apache-2.0
//
// node onnx_cases.mjs WRITE_CASES: does every exported op and network compute in ONNX Runtime what it means to us? Speaks
// TAP, a case each; ops that have no form in ONNX are skipped with the reason. Skips without onnxruntime-node (runtime.mjs).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findRuntime } from './runtime.mjs';

const ort = findRuntime();
const work = mkdtempSync(join(tmpdir(), 'onnx-cases-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

function floats(path) {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

// Largest difference, relative to the largest value; or what is wrong otherwise.
function compare(found, wanted) {
  if (!found) return 'is missing';
  if (String(found.dims) !== String(wanted.dims)) return `is ${found.dims}, wanted ${wanted.dims}`;
  const values = floats(wanted.path);
  let worst = 0, largest = 1e-6;
  for (let i = 0; i < values.length; i++) {
    const d = Math.abs(found.data[i] - values[i]);
    if (!(d <= worst)) worst = d;
    largest = Math.max(largest, Math.abs(values[i]));
  }
  return worst / largest;
}

async function judge(test) {
  const session = await ort.InferenceSession.create(test.path, { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const feeds = {};
  for (const { name, dims, path } of test.inputs) feeds[name] = new ort.Tensor('float32', floats(path), dims);
  const found = await session.run(feeds);
  for (const wanted of test.outputs) {
    const far = compare(found[wanted.name], wanted);
    if (!(far <= test.tolerance)) return `${wanted.name} ${typeof far === 'string' ? far : `is ${far.toExponential(1)} off`}`;
  }
  return null;
}

let count = 0, failed = 0;
for (const opset of [11, 13, 17]) {
  const lines = execFileSync(resolve(process.argv[2]), [work, String(opset)], { maxBuffer: 1 << 26 }).toString();
  for (const line of lines.trim().split('\n')) {
    const test = JSON.parse(line), name = `opset ${opset}, ${test.name.replaceAll('#', '')}`;
    let problem = test.error ?? null;
    if (!problem) problem = await judge(test).catch((error) => String(error.message).split('\n')[0]);
    else if (test.may_fail) {
      console.log(`ok ${++count} - ${name} # SKIP ${problem}`);
      continue;
    }
    failed += problem !== null;
    console.log(`${problem === null ? 'ok' : 'not ok'} ${++count} - ${name}${problem === null ? '' : `: ${problem}`}`);
  }
}
console.log(`1..${count}`);
process.exitCode = failed ? 1 : 0;
