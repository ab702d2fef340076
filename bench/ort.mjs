// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime on one model: ort.mjs FILE.onnx INPUT.npy OUTPUT.npy THREADS RUNS; $ORT is the folder that npm installed it in.
// Prints {"median_ms", "min_ms", "memory_mib"} as JSON and writes the last run's output. Input and output are float32.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";

const WARM_UPS = 2;

function readNpy(path) {
  const bytes = readFileSync(path), start = 10 + bytes.readUInt16LE(8), header = bytes.toString("latin1", 10, start);
  const dims = header.match(/'shape': \(([^)]*)\)/)[1].split(",").filter((s) => s.trim()).map(Number);
  const data = bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length);
  return { dims, data: new Float32Array(data) };
}

function writeNpy(path, dims, data) {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${dims.join(", ")},), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const head = Buffer.from("\x93NUMPY\x01\x00\x00\x00" + text.padEnd(length - 1) + "\n", "latin1");
  head.writeUInt16LE(length, 8);
  writeFileSync(path, Buffer.concat([head, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]));
}

const [file, input, output, threads, runs] = process.argv.slice(2);
const ort = createRequire(`${process.env.ORT ?? "."}/`)("onnxruntime-node");
const session = await ort.InferenceSession.create(file, {
  intraOpNumThreads: +threads, interOpNumThreads: 1, executionMode: "sequential", graphOptimizationLevel: "all",
});
const { dims, data } = readNpy(input);
const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", data, dims) };
const times = [];
let result;
for (let run = -WARM_UPS; run < +runs; run++) {
  const start = performance.now();
  result = (await session.run(feeds))[session.outputNames[0]];
  if (run >= 0) times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
const memory = process.resourceUsage().maxRSS / 1024, half = times.length >> 1;
const median = times.length % 2 ? times[half] : (times[half - 1] + times[half]) / 2;
writeNpy(output, result.dims, result.data);
console.log(JSON.stringify({ median_ms: median, min_ms: times[0], memory_mib: memory }));
