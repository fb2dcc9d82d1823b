"""Runs every <module>_test of src/ that has tests, in parallel, and counts single tests. Usage: unit_tests.py BIN_DIRECTORY"""
import concurrent.futures
import glob
import json
import os
import subprocess
import sys
import tempfile
import time

TIMEOUT_S = 900


def run(program):
    """(name, passed, failed, seconds, output) of one test program; a crash is one failure more."""
    name = os.path.basename(program)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kalamdb-unit.") as directory:
        report = os.path.join(directory, "report.json")
        environment = dict(os.environ, TMPDIR=directory)
        try:
            done = subprocess.run([program, f"--gtest_output=json:{report}", "--gtest_brief=1"], cwd=directory,
                                  env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S)
            output, status = done.stdout.decode(errors="replace"), done.returncode
        except subprocess.TimeoutExpired as late:
            output, status = (late.stdout or b"").decode(errors="replace") + f"\n{name}: longer than {TIMEOUT_S} s", -1
        passed = failed = 0
        try:
            with open(report, encoding="utf-8") as file:
                totals = json.load(file)
            failed = totals["failures"] + totals["errors"]
            passed = totals["tests"] - failed - totals["disabled"]
        except (OSError, ValueError):
            pass
        if status != 0 and failed == 0:
            failed = 1
    return name, passed, failed, time.monotonic() - started, output


def main():
    binaries = sys.argv[1]
    modules = sorted({path.split("/")[1] for path in glob.glob("src/*/**/*_test.cc", recursive=True)})
    programs = [os.path.abspath(os.path.join(binaries, module + "_test")) for module in modules]
    all_passed = all_failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, program) for program in programs]):
            name, passed, failed, seconds, output = done.result()
            all_passed += passed
            all_failed += failed
            print(f"{name}: {passed} passed, {failed} failed ({seconds:.1f} s)", flush=True)
            if failed:
                print(output, flush=True)
    print(f"RESULT {all_passed} {all_failed}")


if __name__ == "__main__":
    main()
