#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# onnx_check.py WRITE_CASES IMPASTO PACK: exported models pass the ONNX project's checker with its strict shape inference, and
# carry their card. Speaks TAP; skips without python3-onnx.
import json
import os
import subprocess
import sys
import tempfile

try:
    import onnx
    import onnx.checker
    import onnx.shape_inference
except ImportError:
    print("1..0 # SKIP no python3-onnx")
    sys.exit(0)

write_cases, impasto, pack = sys.argv[1:4]
count = failed = 0


def report(name, problem):
    global count, failed
    count += 1
    failed += problem is not None
    print(f"{'not ok' if problem else 'ok'} {count} - {name}{': ' + problem if problem else ''}")


def shape(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def problem_of(path):
    """What the checker or inference says, or an output whose declared extents inference contradicts."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        bare = onnx.load(path)
        for output in bare.graph.output:
            for dim in output.type.tensor_type.shape.dim:
                dim.Clear()
        inferred = onnx.shape_inference.infer_shapes(bare, strict_mode=True)
    except Exception as error:
        return str(error).splitlines()[0]
    for found, declared in zip(inferred.graph.output, model.graph.output):
        for a, b in zip(shape(found), shape(declared)):
            if isinstance(a, int) and isinstance(b, int) and a > 0 and a != b:
                return f"{declared.name} is declared {shape(declared)}, inferred {shape(found)}"
    return None


def check_cases(folder, opset):
    lines = subprocess.run([write_cases, folder, str(opset)], check=True, capture_output=True, text=True).stdout
    for case in map(json.loads, lines.splitlines()):
        if "path" in case:
            report(f"opset {opset}, {case['name'].replace('#', '')}", problem_of(case["path"]))


def check_card(folder):
    path = os.path.join(folder, "style.onnx")
    subprocess.run([impasto, "export", pack, "--style", "great-wave", "-o", path], check=True, capture_output=True)
    report("a style", problem_of(path))
    model = onnx.load(path)
    card = {entry.key: entry.value for entry in model.metadata_props}
    wanted = {"style": "great-wave", "artist": "Katsushika Hokusai", "pack": "classics.safetensors", "range": "0..1",
              "margin": "20", "layout": "nchw"}
    wrong = {key for key in wanted if card.get(key) != wanted[key]}
    wrong |= {key for key in ("license", "provenance", "sha256", "style_title") if not card.get(key)}
    report("its card", f"{sorted(wrong)} in {card}" if wrong else None)
    hidden = "Hokusai" not in model.doc_string or "non-commercial" not in model.doc_string
    report("its text", f"'{model.doc_string}'" if hidden else None)
    report("its producer", None if model.producer_name == "impasto" and model.producer_version else "unknown")
    dims = [shape(v) for v in (*model.graph.input, *model.graph.output)]
    report("its axes", None if dims == [["batch", 3, "height", "width"]] * 2 else str(dims))


with tempfile.TemporaryDirectory() as work:
    for version in (11, 17):
        check_cases(work, version)
    check_card(work)
print(f"1..{count}")
sys.exit(failed > 0)
