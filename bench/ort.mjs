// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime's median time on an image network: ort.mjs FILE.onnx SIZE THREADS; $ORT is the folder that npm installed it in.
import { createRequire } from "node:module";

const [file, size, threads] = process.argv.slice(2);
const ort = createRequire(`${process.env.ORT ?? "."}/`)("onnxruntime-node");
const session = await ort.InferenceSession.create(file, { intraOpNumThreads: +threads, graphOptimizationLevel: "all" });
const pixels = Float32Array.from({ length: 3 * size * size }, (_, i) => ((i * 7919) % 1000) / 1000);
const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", pixels, [1, 3, +size, +size]) };
const times = [];
for (let run = -1; run < 9; run++) {
  const start = performance.now();
  await session.run(feeds);
  if (run >= 0) times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
const memory = process.resourceUsage().maxRSS / 1024;
console.log(`onnxruntime paint ${size} ${times[4].toFixed(1)} ms ${memory.toFixed(0)} MiB`);
