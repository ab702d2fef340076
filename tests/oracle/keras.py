#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference numbers of Keras's layers and of Keras's files from TensorFlow.js, for tests/test_keras.c.

The cases below are models of a few layers whose weights and inputs both sides compute from their names (noise.py); beside
them, the files that Keras wrote are run. Needs h5py, node and @tensorflow/tfjs 4 (keras.mjs).

    python3 tests/oracle/keras.py ../shared/data/peers/keras-h5 > tests/oracle/keras.json
"""
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

from noise import noise

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLES = 5


def layer(class_name, name, weights=(), **config):
    return {"class_name": class_name, "config": {"name": name, **config}, "weights": list(weights)}


def batch_norm(name, n, **config):
    leaves = [("gamma", [n])] * config.get("scale", True) + [("beta", [n])] * config.get("center", True)
    return layer("BatchNormalization", name, leaves + [("moving_mean", [n]), ("moving_variance", [n])], axis=-1, **config)


def conv(name, kernel, i, o, use_bias=True, class_name="Conv2D", **config):
    shape = [*kernel, o, i] if class_name == "Conv2DTranspose" else [*kernel, i, o]
    return layer(class_name, name, [("kernel", shape)] + [("bias", [o])] * use_bias, filters=o, kernel_size=kernel,
                 use_bias=use_bias, **{"padding": "same", "strides": [1, 1], **config})


def dense(name, i, o, use_bias=True, **config):
    return layer("Dense", name, [("kernel", [i, o])] + [("bias", [o])] * use_bias, units=o, use_bias=use_bias, **config)


def transposed(name, kernel, i, o, **config):
    return conv(name, kernel, i, o, class_name="Conv2DTranspose", **config)


SEQUENCES = {
    "dense_reshape": ([2, 5], [dense("dense", 5, 48, activation="selu"), batch_norm("norm", 48, epsilon=0.01),
                               layer("LeakyReLU", "leaky", alpha=0.1), layer("Reshape", "reshape", target_shape=[4, 3, 4]),
                               conv("conv", [3, 3], 4, 3, activation="tanh")]),
    "conv_strided": ([2, 9, 8, 3], [conv("conv", [4, 3], 3, 4, strides=[2, 2]), layer("ELU", "elu", alpha=1.0),
                                    layer("Flatten", "flatten"), dense("dense", 80, 7, activation="softmax")]),
    "conv_dilated": ([1, 11, 9, 2], [conv("conv", [3, 3], 2, 3, dilation_rate=[2, 2], padding="valid"),
                                     conv("even", [2, 2], 3, 2, activation="elu")]),
    "transposed_same": ([1, 4, 5, 3], [transposed("a", [5, 5], 3, 4, strides=[2, 2], activation="sigmoid"),
                                       transposed("b", [4, 3], 4, 2, strides=[2, 2], use_bias=False),
                                       transposed("c", [2, 2], 2, 3, strides=[3, 3], activation="softsign")]),
    "transposed_valid": ([1, 3, 4, 2], [transposed("a", [3, 4], 2, 3, strides=[2, 2], padding="valid"),
                                        transposed("b", [2, 2], 3, 2, strides=[3, 3], padding="valid")]),
    "resampling": ([2, 5, 4, 2], [layer("UpSampling2D", "up", size=[2, 3]), layer("ZeroPadding2D", "pad", padding=[[1, 2], [0, 3]]),
                                  layer("Cropping2D", "crop", cropping=[[1, 0], [2, 1]]),
                                  layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[2, 2], padding="valid"),
                                  layer("UpSampling2D", "up2", size=[2, 2]), layer("Dropout", "drop", rate=0.5),
                                  layer("AveragePooling2D", "mean", pool_size=[3, 3], strides=[1, 1], padding="valid")]),
    "activations": ([2, 4, 4, 3], [layer("PReLU", "prelu", [("alpha", [1, 1, 3])], shared_axes=[1, 2]),
                                   batch_norm("norm", 3, scale=False), layer("Activation", "softplus", activation="softplus"),
                                   batch_norm("norm2", 3, center=False), layer("ReLU", "relu", max_value=0.5),
                                   layer("GlobalAveragePooling2D", "mean"),
                                   layer("LayerNormalization", "ln", [("gamma", [3]), ("beta", [3])], axis=-1, epsilon=0.001),
                                   layer("Softmax", "softmax", axis=-1)]),
    "swish": ([3, 7], [dense("dense", 7, 6, activation="relu6"), layer("Activation", "act", activation="swish")]),
}


def use(*names):
    return [[[name, 0, 0, {}] for name in names]]


def conditional():
    layers = [
        layer("InputLayer", "z", batch_input_shape=[None, 6]),
        layer("InputLayer", "label", batch_input_shape=[None, 1]),
        layer("Embedding", "embedding", [("embeddings", [4, 6])], input_dim=4, output_dim=6),
        layer("Flatten", "flatten"),
        layer("Multiply", "multiply"),
        dense("dense", 6, 12),
        layer("Concatenate", "join", axis=-1),
        dense("out", 18, 5, activation="tanh"),
        layer("Add", "add"),
        dense("side", 12, 5),
    ]
    inbound = [[], [], use("label"), use("embedding"), use("z", "flatten"), use("multiply"), use("dense", "z"), use("join"),
               use("out", "side"), use("dense")]
    for one, nodes in zip(layers, inbound):
        one["name"] = one["config"]["name"]
        one["inbound_nodes"] = nodes
    return {"class_name": "Model", "config": {"name": "conditional", "layers": layers,
                                              "input_layers": [["z", 0, 0], ["label", 0, 0]], "output_layers": [["add", 0, 0]]}}


def sequence(name, shape, layers):
    first = layer("InputLayer", "input", batch_input_shape=[None, *shape[1:]])
    return {"class_name": "Sequential", "config": {"name": name, "layers": [first, *layers]}}


def samples(output):
    flat = np.array(output["values"], np.float64)
    at = [i * (flat.size - 1) // (SAMPLES - 1) for i in range(SAMPLES)]
    return {"shape": output["shape"], "norm": float(np.linalg.norm(flat)), "values": [float(flat[i]) for i in at]}


def made(name, model, inputs):
    """A case: weights are noise of the name LAYER/LEAF, those that must be positive shifted."""
    weights, arrays = [], []
    for one in model["config"]["layers"]:
        for leaf, shape in one.pop("weights"):
            path = one["config"]["name"] + "/" + leaf
            shift = 0.7 if leaf in ("gamma", "moving_variance") else 0
            weights.append([path, shape])
            arrays.append(noise(path, shape) + shift)
    return {"name": name, "config": model, "weights": weights, "inputs": inputs}, arrays


def written(path, shape):
    """A case of a file that Keras wrote; its weights are not kept."""
    with h5py.File(path) as file:
        text = file.attrs["model_config"].replace("[null, 128, 128, 3]", "[null, 20, 24, 3]")  # a convolution is slow there
        model, weights, arrays = json.loads(text), [], []
        group = file["model_weights"]
        for name in group.attrs["layer_names"]:
            for weight in group[name].attrs["weight_names"]:
                array = group[name][weight][()]
                weights.append([weight.decode().split(":")[0], list(array.shape)])
                arrays.append(array)
    name = os.path.basename(path)
    return {"name": name, "config": model, "weights": weights, "inputs": [["z", shape, 2, 0]]}, arrays


def main():
    cases = [made(name, sequence(name, shape, layers), [["z", shape, 2, 0]]) for name, (shape, layers) in SEQUENCES.items()]
    cases.append(made("conditional", conditional(), [["z", [3, 6], 2, 0], ["label", [3, 1], 0, 2]]))
    files = [("small_generator_praxidike97.h5", [2, 2]), ("dcgan_generator_boga-man.h5", [2, 100]),
             ("srgan_generator_vee-upatising.h5", [1, 20, 24, 3])]
    cases += [written(os.path.join(sys.argv[1], name), shape) for name, shape in files]
    with tempfile.TemporaryDirectory() as folder:
        for case, arrays in cases:
            data = [np.asarray(array, "<f4").tobytes() for array in arrays]
            with open(os.path.join(folder, case["name"] + ".bin"), "wb") as file:
                file.write(b"".join(data))
        run = [{**case, "inputs": [{"shape": shape, "values": (noise(name, shape) * scale + shift).ravel().tolist()}
                                   for name, shape, scale, shift in case["inputs"]]} for case, _ in cases]
        with open(os.path.join(folder, "cases.json"), "w") as file:
            json.dump(run, file)
        outputs = json.loads(subprocess.run(["node", os.path.join(HERE, "keras.mjs"), folder], check=True,
                                            stdout=subprocess.PIPE, text=True).stdout.strip().splitlines()[-1])
    result = {}
    for case, _ in cases:
        is_file = case["name"].endswith(".h5")
        result[case["name"]] = {"output": samples(outputs[case["name"]]), "inputs": case["inputs"],
                                **({} if is_file else {"config": json.dumps(case["config"]), "weights": case["weights"]})}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
