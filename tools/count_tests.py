#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/count_tests.py FOLDER: counts the test cases of a run of tools/check.

Reads Meson's logs (*.json, a JSON object a test program) and plain TAP (*.tap). A case is a TAP line; a program that
speaks no TAP is one case. What cannot be read off the lines counts as failed: a program that crashed, ran out of time
or returned non-zero without a "not ok", and every case that its plan "1..N" promised and that never reported.
The last line is "N passed, N failed, N skipped"; the exit status is 1 when a case failed or none ran.
"""
import json
import pathlib
import re
import sys

CASE = re.compile(r'^(not )?ok\b(?:\s+\d+)?(.*)$')
PLAN = re.compile(r'^1\.\.(\d+)')


def count_tap(text):
    """(passed, failed, skipped, planned or None) of the top-level lines of a TAP text."""
    passed = failed = skipped = 0
    planned = None
    for line in text.splitlines():
        plan = PLAN.match(line)
        if plan:
            planned = int(plan.group(1))
        case = CASE.match(line)
        if not case:
            continue
        directive = case.group(2).upper()
        if '# SKIP' in directive or '# TODO' in directive:
            skipped += 1
        elif case.group(1):
            failed += 1
        else:
            passed += 1
    return passed, failed, skipped, planned


def count_program(test):
    """(passed, failed, skipped) of one entry of Meson's log."""
    passed, failed, skipped, planned = count_tap(test.get('stdout') or '')
    good = test['result'] in ('OK', 'EXPECTEDFAIL', 'SKIP')
    seen = passed + failed + skipped
    if planned is None and seen == 0:
        if test['result'] == 'SKIP':
            return 0, 0, 1
        return (1, 0, 0) if good else (0, 1, 0)
    if planned is not None and planned > seen:
        failed += planned - seen
    if not good and failed == 0:
        failed = 1
    return passed, failed, skipped


def main(folder):
    total = [0, 0, 0]
    for path in sorted(pathlib.Path(folder).iterdir()):
        text = path.read_text(encoding='utf-8', errors='replace')
        if path.suffix == '.tap':
            runs = [(path.stem, count_tap(text)[:3])]
        elif path.suffix == '.json':
            tests = [json.loads(line) for line in text.splitlines() if line.strip()]
            runs = [(f'{path.stem}: {test["name"]}', count_program(test)) for test in tests]
        else:
            continue
        for name, counts in runs:
            if counts[1]:
                print(f'FAILED in {name}: {counts[1]} of {sum(counts)}')
            total = [a + b for a, b in zip(total, counts)]
    print(f'{total[0]} passed, {total[1]} failed, {total[2]} skipped')
    return 1 if total[1] or not total[0] else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
