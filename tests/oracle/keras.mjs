// SPDX-License-Identifier: Apache-2.0
//
// keras.mjs FOLDER: TensorFlow.js runs the Keras models that keras.py left in FOLDER: cases.json with architectures, weights and
// inputs; prints their outputs as JSON. @tensorflow/tfjs 4 as node finds it, or in the folder that TFJS_NODE names.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const tf = createRequire(join(process.env.TFJS_NODE ?? '.', 'x.js'))('@tensorflow/tfjs');
const folder = process.argv[2];
const outputs = {};
for (const { name, config, weights, inputs } of JSON.parse(readFileSync(join(folder, 'cases.json')))) {
  const bytes = readFileSync(join(folder, `${name}.bin`));
  const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const model = await tf.loadLayersModel({ load: async () => ({
    modelTopology: { model_config: config, keras_version: '2.4.0', backend: 'tensorflow' },
    weightSpecs: weights.map(([name, shape]) => ({ name, shape, dtype: 'float32' })), weightData: data }) });
  const x = inputs.map(({ shape, values }) => tf.tensor(values, shape));
  const y = model.predict(x.length === 1 ? x[0] : x);
  outputs[name] = { shape: y.shape, values: Array.from(y.dataSync()) };
}
console.log(JSON.stringify(outputs));
