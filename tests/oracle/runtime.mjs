// SPDX-License-Identifier: Apache-2.0
//
// ONNX Runtime for the scripts beside this one: onnxruntime-node as node finds it (NODE_PATH), or in the folder that
// ONNXRUNTIME_NODE names. Without it the script ends here, as a skipped test.
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

export function findRuntime() {
  const folders = [process.env.ONNXRUNTIME_NODE, ...(process.env.NODE_PATH ?? '').split(':')].filter(Boolean);
  for (const from of [...folders.map((folder) => join(resolve(folder), 'x.js')), import.meta.url]) {
    try { return createRequire(from)('onnxruntime-node'); } catch { /* the next */ }
  }
  console.log('1..0 # SKIP no onnxruntime-node; ONNXRUNTIME_NODE names the folder it is installed in');
  process.exit(0);
}
