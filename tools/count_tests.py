#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/count_tests.py FOLDER: counts the test cases of a run of tools/check.

Reads Meson's logs (*.json, a JSON object a test program) and plain TAP (*.tap). A case is a TAP line; a program that
speaks no TAP is one case. What cannot be read off the lines counts as failed: a program that crashed, ran out of time
or returned non-zero without a "not ok", and every case that its plan "1..N" promised and that never reported.
The end names every failed case with the first lines of what it said, or of the sanitizer's report in it, and a program
that ended without a failed case with the end of its stderr: 60 lines at most, for whoever sees the end of a log only.
The last line is "N passed, N failed, N skipped"; the exit status is 1 when a case failed or none ran.
"""
import json
import pathlib
import re
import sys

CASE = re.compile(r'^(not )?ok\b(?:\s+\d+)?(.*)$')
PLAN = re.compile(r'^1\.\.(\d+)')
REPORT = re.compile(r'ERROR: \w+Sanitizer|runtime error:')  # a sanitizer's first line
CASE_LINES = 12  # said about one case
ALL_LINES = 60  # said about all
WIDTH = 160


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


def excerpt(lines, from_end):
    """The CASE_LINES that tell most: from a sanitizer's report on, else the first ones, or the last ones."""
    lines = [line.rstrip()[:WIDTH] for line in lines if line.strip()]
    for i, line in enumerate(lines):
        if REPORT.search(line):
            return lines[i:i + CASE_LINES]
    return lines[-CASE_LINES:] if from_end else lines[:CASE_LINES]


def failed_cases(text):
    """[(its "not ok" line, the diagnostics that follow it)] of a TAP text, skipped ones and those to be done left out."""
    cases = []
    said = None  # the diagnostics of the failed case before this line
    for line in text.splitlines():
        case = CASE.match(line)
        if case:
            said = None
            if case.group(1) and not re.search('# (SKIP|TODO)', line.upper()):
                said = []
                cases.append((line.strip()[:WIDTH], said))
        elif said is not None and line.startswith('#'):
            said.append(line[1:].removeprefix(' '))
    return [(name, excerpt(lines, from_end=False)) for name, lines in cases]


def failures_of_program(test):
    """[(what failed, lines about it)] of one entry of Meson's log that did not pass."""
    cases = failed_cases(test.get('stdout') or '')
    ending = f'ended as {test["result"]}, status {test.get("returncode", "?")}'
    stderr = excerpt((test.get('stderr') or '').splitlines(), from_end=True)
    if not cases:
        return [(ending, stderr or excerpt((test.get('stdout') or '').splitlines(), from_end=True))]
    if stderr and not cases[-1][1]:  # GLib's tests say on stderr why
        cases[-1] = (cases[-1][0], stderr)
    return cases


def tell(failures):
    """Prints [(name, lines)] on ALL_LINES or so: every name, and the lines of the first ones that find room."""
    left = ALL_LINES - len(failures)
    for name, lines in failures[:ALL_LINES]:
        print(f'FAILED {name}')
        if len(lines) <= left:
            left -= len(lines)
            for line in lines:
                print(f'    {line}')
    if len(failures) > ALL_LINES:
        print(f'... and {len(failures) - ALL_LINES} more')


def main(folder):
    total = [0, 0, 0]
    failures = []
    for path in sorted(pathlib.Path(folder).iterdir()):
        text = path.read_text(encoding='utf-8', errors='replace')
        if path.suffix == '.tap':
            runs = [(path.stem, count_tap(text)[:3], failed_cases(text))]
        elif path.suffix == '.json':
            tests = [json.loads(line) for line in text.splitlines() if line.strip()]
            runs = [(f'{path.stem}: {test["name"]}', count_program(test), failures_of_program(test)) for test in tests]
        else:
            continue
        for name, counts, failed in runs:
            if counts[1]:
                failures += [(f'in {name}: {what} ({counts[1]} of {sum(counts)})', lines) for what, lines in failed]
            total = [a + b for a, b in zip(total, counts)]
    tell(failures)
    print(f'{total[0]} passed, {total[1]} failed, {total[2]} skipped')
    return 1 if total[1] or not total[0] else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
