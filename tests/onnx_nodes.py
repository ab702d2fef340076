#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ONNX project's node tests on impasto's importer.

    onnx_nodes.py RUNNER FOLDER [-v]

Generates the cases with the distribution's python3-onnx into FOLDER (once) and hands it to tests/onnx_runner.c, which prints
what passed and what did not. Exits with 77, Meson's "skipped", when python3-onnx or NumPy is missing.
"""
import os
import subprocess
import sys


def generate(folder):
    """What onnx.backend.test.cmd_tools generate-data does, under a NumPy that has dropped the aliases it is written with."""
    import numpy
    for alias, type_ in (("float", float), ("int", int), ("bool", bool), ("object", object), ("str", str)):
        if alias not in numpy.__dict__:
            setattr(numpy, alias, type_)
    import warnings
    warnings.simplefilter("ignore")
    from onnx.backend.test.case.node import collect_testcases
    from onnx import numpy_helper
    for case in collect_testcases(op_type=None):
        place = os.path.join(folder, case.name)
        data = os.path.join(place, "test_data_set_0")
        os.makedirs(data, exist_ok=True)
        with open(os.path.join(place, "model.onnx"), "wb") as file:
            file.write(case.model.SerializeToString())
        inputs, outputs = case.data_sets[0]
        for kind, ports, values in (("input", case.model.graph.input, inputs), ("output", case.model.graph.output, outputs)):
            for i, (port, value) in enumerate(zip(ports, values)):
                if value is None:  # an absent optional
                    continue
                if hasattr(value, "SerializeToString"):
                    proto = value
                elif isinstance(value, list):
                    proto = numpy_helper.from_list(value, port.name)
                elif isinstance(value, dict):
                    proto = numpy_helper.from_dict(value, port.name)
                else:
                    proto = numpy_helper.from_array(numpy.asarray(value), port.name)
                with open(os.path.join(data, f"{kind}_{i}.pb"), "wb") as file:
                    file.write(proto.SerializeToString())


def main():
    runner, folder = sys.argv[1:3]
    try:
        import numpy, onnx  # noqa: F401
    except ImportError as error:
        print(f"skipped: {error}")
        return 77
    done = os.path.join(folder, "complete")
    cases = os.path.join(folder, "cases")
    if not os.path.exists(done):
        os.makedirs(cases, exist_ok=True)
        generate(cases)
        open(done, "w").close()
    return subprocess.call([runner, cases, *sys.argv[3:]])


sys.exit(main())
