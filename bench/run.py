#!/usr/bin/env python3
"""Benchmarks of a release build beside raw loops, PostgreSQL and Redis: interleaved rounds, medians, a table and JSON.

Usage: bench/run.py [B0 B1 B2 B4 B5 B11 …] [--rounds N] [--seconds N] [--keys N] [--no-peers] [--many-files]
                    [--no-instructions]
Every scenario checks its content; a failed check voids the figure and ends the run with 1.
"""
import argparse
import json
import os
import platform
import pwd
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from instructions import CountedServer

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "build", os.environ.get("KALAM_PRESET", "release"), "bin")
POSTGRES_BIN = "/usr/lib/postgresql/15/bin"
PASSWORD = "bench-root-Pa55phrase"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def say(text):
    print(text, file=sys.stderr, flush=True)


class Programs:
    """Starts and ends what is measured, each in its own directory, each ended by its process id."""

    def __init__(self, peers):
        self.directory = tempfile.mkdtemp(prefix="kalamdb-bench-")
        os.chmod(self.directory, 0o755)
        self.running = []
        self.targets = {}
        self.peers = peers

    def spawn(self, name, command, **options):
        log = open(os.path.join(self.directory, name + ".log"), "wb")
        process = subprocess.Popen(command, stdout=options.pop("stdout", log), stderr=log, **options)
        self.running.append(process)
        return process

    def wait_for(self, process, what, ready):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if process.poll() is not None:
                sys.exit(f"{what} ended at once; see its log in {self.directory}")
            try:
                if ready():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit(f"{what} did not become ready")

    def server(self, name, *options, program=(os.path.join(BIN, "kalamdb"),)):
        """Starts a server on its own data directory, which it keeps between starts of the same name."""
        port = free_port()
        command = [*program, "serve", "--data-dir", os.path.join(self.directory, name),
                   "--listen", f"127.0.0.1:{port}", "--log.level", "warn", *options]
        process = self.spawn(name, command, env={**os.environ, "KALAMDB_ROOT_PASSWORD": PASSWORD})
        url = f"127.0.0.1:{port}"
        self.wait_for(process, name, lambda: urllib.request.urlopen(f"http://{url}/readyz").status == 200)
        return process, port, ["--url", url, "--password", PASSWORD, "--pid", str(process.pid)]

    def kalamdb(self):
        if "kalamdb" not in self.targets:
            self.targets["kalamdb"] = self.server("kalamdb")[2]
        return self.targets["kalamdb"]

    def evolving(self):
        """Segments stay as they were written: no compaction by itself."""
        if "evolving" not in self.targets:
            self.targets["evolving"] = self.server("evolving", "--storage.auto_compaction", "false")[2]
        return self.targets["evolving"]

    def echo(self):
        if "echo" not in self.targets:
            process = self.spawn("echo", [os.path.join(BIN, "kalam-load"), "echo-server"], stdout=subprocess.PIPE)
            port = json.loads(process.stdout.readline())["port"]
            self.targets["echo"] = ["--url", f"127.0.0.1:{port}", "--pid", str(process.pid)]
        return self.targets["echo"]

    def postgres(self):
        if not self.peers or not os.path.exists(POSTGRES_BIN):
            return None
        if "postgres" not in self.targets:
            data, port = os.path.join(self.directory, "postgres"), free_port()
            as_user = {}
            if os.geteuid() == 0:  # it refuses to run as root
                user = pwd.getpwnam("postgres")
                as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.mkdir(data)
            if as_user:
                os.chown(data, as_user["user"], as_user["group"])
            subprocess.run([os.path.join(POSTGRES_BIN, "initdb"), "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C"],
                           check=True, stdout=subprocess.DEVNULL, cwd=data, **as_user)
            shutil.copy(os.path.join(ROOT, "bench", "postgresql.conf"), os.path.join(data, "postgresql.conf"))
            command = [os.path.join(POSTGRES_BIN, "postgres"), "-D", data, "-p", str(port), "-k", data]
            process = self.spawn("postgres", command, cwd=data, **as_user)
            ready = [os.path.join(POSTGRES_BIN, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
            self.wait_for(process, "PostgreSQL", lambda: subprocess.run(ready).returncode == 0)
            self.targets["postgres"] = ["--conninfo", f"host=127.0.0.1 port={port} user=bench dbname=postgres"]
        return self.targets["postgres"]

    def redis(self):
        program = shutil.which("redis-server")
        if not self.peers or program is None:
            return None
        if "redis" not in self.targets:
            port = free_port()
            process = self.spawn("redis", [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                                           "--dir", self.directory])
            self.wait_for(process, "Redis", lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None)
            self.targets["redis"] = ["--url", f"127.0.0.1:{port}", "--pid", str(process.pid)]
        return self.targets["redis"]

    def stop(self, keep):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
        if keep:
            say(f"logs are kept in {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


def alter_entries(programs, options):
    """ALTER over nothing, files and rows; DESCRIBE; writes and live queries with and without an ALTER a second."""
    evolving, postgres = programs.evolving, programs.postgres
    hot = str(options.keys)
    entries = [("fdatasync", "fdatasync", lambda: ["--directory", programs.directory], []),
               ("alter, empty", "alter", evolving, []),
               ("alter, 1,000 files", "alter", evolving, ["--files", "1000"])]
    if options.many_files:
        entries.append(("alter, 10,000 files", "alter", evolving, ["--files", "10000"]))
    entries += [(f"alter, {options.keys:,} hot rows", "alter", evolving, ["--hot-rows", hot]),
                ("postgres alter, empty", "pg-alter", postgres, ["--keys", "0"]),
                (f"postgres alter, {options.keys:,} rows", "pg-alter", postgres, ["--keys", hot, "--alters", "8"])]
    entries += [(f"describe {form}, 1,000 versions", "describe", evolving, ["--form", form]) for form in ("columns", "at", "history")]
    live = ["--rate", "5000", "--subscriptions", "1000", "--seconds", "10"]
    entries += [("5,000 writes/s, 1,000 live", "alter-live", evolving, live),
                ("and an ALTER a second", "alter-live", evolving, [*live, "--alter-ms", "1000"])]
    return entries


SCAN_FORMS = ("mixed", "fresh", "compacted")
SCAN_QUERIES = ("kept", "added", "filter", "widened")


def count_scans(programs, rounds):
    """Instructions of scans over 10 and 100 schema versions, beside the same rows rewritten: {(versions, query, form): n}."""
    process, _, target = programs.server("counted", "--storage.auto_compaction", "false")
    for versions in (10, 100):
        for form in SCAN_FORMS:
            say(f"B11 loading: {versions} versions, {form}")
            for query in SCAN_QUERIES:  # each once: is the answer right?
                result = measure("scan", target, ["--versions", str(versions), "--form", form, "--query", query], 1)
                if not result["ok"]:
                    return None, result["failure"]
    process.terminate()
    process.wait(60)
    programs.running.remove(process)
    program = CountedServer.command(programs.directory, os.path.join(BIN, "kalamdb"))
    process, port, _ = programs.server("counted", "--storage.auto_compaction", "false", program=program)
    counted = CountedServer(programs.directory, process.pid, port, PASSWORD)
    figures = {}
    for versions in (10, 100):
        for query in SCAN_QUERIES:
            for form in SCAN_FORMS * rounds:
                say(f"B11 counting instructions: {versions} versions, {query}, {form}")
                counted_now = counted.count(scan_text(versions, form, query))
                figures[(versions, query, form)] = min(counted_now, figures.get((versions, query, form), counted_now))
    return figures, None


def scan_text(versions, form, query):
    """As VersionedTable::Select of the load generator, which has checked the answer."""
    middle, last = versions // 2, versions - 1
    what = {"added": f"count(*), sum(c1), sum(c{middle}), sum(c{last})", "widened": "count(*), sum(wide), max(wide)"}
    where = f" WHERE c{middle} = 3" if query == "filter" else ""
    return f"SELECT {what.get(query, 'count(*), sum(n), min(body)')} FROM bench.scan_{form}_{versions}{where}"


def print_scans(figures):
    lines = []
    for versions, query, form in figures:
        if form == "mixed":
            mixed, fresh, compacted = (figures[(versions, query, f)] for f in SCAN_FORMS)
            lines.append(f"scan of {versions} versions, {query}: {mixed / 1e6:.1f} M instructions, of the same segments rewritten "
                         f"{mixed / fresh:.3f}, of one compacted segment {mixed / compacted:.3f}")
    return lines


def scenarios(programs, options):
    """Scenario -> [(label, load scenario, target, arguments)]; those without a target are left out."""
    ours, echo, postgres, redis = programs.kalamdb, programs.echo, programs.postgres, programs.redis
    many = [str(options.keys)]
    plan = {
        "B0": [(f"{side} {n}", "health", target, ["--connections", str(n)])
               for n in (1, 32) for side, target in (("epoll echo", echo), ("kalamdb /health", ours))],
        "B1": [("fdatasync", "fdatasync", lambda: ["--directory", programs.directory], []),
               ("kalamdb /health 1", "health", ours, ["--connections", "1"]),
               ("kalamdb insert 1", "insert", ours, ["--connections", "1"]),
               ("postgres insert 1", "pg-insert", postgres, ["--connections", "1"])],
        "B2": [("kalamdb /health 64", "health", ours, ["--connections", "64"]),
               ("kalamdb insert 64", "insert", ours, ["--connections", "64"]),
               ("postgres insert 64", "pg-insert", postgres, ["--connections", "64"]),
               ("kalamdb insert 64 x10", "insert", ours, ["--connections", "64", "--rows", "10"])],
        "B4": [(label, load, target, ["--connections", str(n), "--keys", *many, *more])
               for n in (1, 32)
               for label, load, target, more in (
                   (f"kalamdb /health {n}", "health", ours, []),
                   (f"kalamdb select $1 {n}", "select", ours, ["--form", "params"]),
                   (f"kalamdb select text {n}", "select", ours, ["--form", "text"]),
                   (f"kalamdb select cold {n}", "select", ours, ["--cold", "1", "--keys", "200000"]),
                   (f"kalamdb select cold again {n}", "select", ours, ["--cold", "1", "--keys", "200000", "--again", "1000"]),
                   (f"postgres select {n}", "pg-select", postgres, []),
                   (f"redis get {n}", "redis-get", redis, ["--keys", "100000"]))],
        "B5": [("kalamdb live wal", "live", ours, ["--durability", "wal"]), ("kalamdb live sync", "live", ours, ["--durability", "sync"]),
               ("postgres notify sync", "pg-live", postgres, []), ("redis publish", "redis-live", redis, [])],
        "B11": alter_entries(programs, options),
    }
    return plan


def measure(load, target, arguments, seconds):
    command = [os.path.join(BIN, "kalam-load"), load, *target, "--seconds", str(seconds), *arguments]
    os.sync()  # what others left to be written is not for this one to wait for
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout.strip():
        return {"ok": False, "failure": f"{load} printed nothing: {done.stderr[:300]}"}
    return json.loads(done.stdout)


def median_of(runs):
    result = {name: statistics.median(run[name] for run in runs)
              for name in ("rate", "p50_us", "p99_us", "p999_us", "server_cpu_us", "client_cpu_us", "server_peak_kib")}
    result |= {name: statistics.median(run[name] for run in runs) for name in ("alters", "refused", "slowest_alter_us", "slowest_schema_us") if name in runs[0]}
    result["rate_low"] = min(run["rate"] for run in runs)
    result["rate_high"] = max(run["rate"] for run in runs)
    result["rounds"] = len(runs)
    return result


def ratios(name, figures):
    """The sentences of the goals, from medians of one run."""
    def rate(label):
        return figures[label]["rate"] if label in figures else None

    def p(label, which):
        return figures[label][which] if label in figures else None

    lines = []

    def ratio(text, a, b):
        if a and b:
            lines.append(f"{text}: {a / b:.2f}")

    if name == "B0":
        for n in (1, 32):
            ratio(f"/health of raw epoll at {n}", rate(f"kalamdb /health {n}"), rate(f"epoll echo {n}"))
    if name == "B1":
        own = p("kalamdb insert 1", "p50_us")
        base = p("fdatasync", "p50_us") + p("kalamdb /health 1", "p50_us")
        lines.append(f"insert p50 {own:.0f} us = fdatasync + /health ({base:.0f} us) + {own - base:.0f} us")
        ratio("insert of PostgreSQL", rate("kalamdb insert 1"), rate("postgres insert 1"))
    if name == "B2":
        ratio("insert of PostgreSQL at 64", rate("kalamdb insert 64"), rate("postgres insert 64"))
        ratio("insert of /health at 64", rate("kalamdb insert 64"), rate("kalamdb /health 64"))
        ratio("10 rows a request, of PostgreSQL's single rows", rate("kalamdb insert 64 x10"), rate("postgres insert 64"))
    if name == "B4":
        ratio("select of /health at 32", rate("kalamdb select $1 32"), rate("kalamdb /health 32"))
        ratio("select of PostgreSQL at 32", rate("kalamdb select $1 32"), rate("postgres select 32"))
        ratio("select of PostgreSQL at 1", rate("kalamdb select $1 1"), rate("postgres select 1"))
        ratio("select p50 of Redis GET at 1", p("kalamdb select $1 1", "p50_us"), p("redis get 1", "p50_us"))
        ratio("text of $1 at 32", rate("kalamdb select text 32"), rate("kalamdb select $1 32"))
    if name == "B5":
        ratio("wal p50 of Redis PUBLISH", p("kalamdb live wal", "p50_us"), p("redis publish", "p50_us"))
        ratio("sync p50 of PostgreSQL NOTIFY", p("kalamdb live sync", "p50_us"), p("postgres notify sync", "p50_us"))
        lines.append(f"p99 wal {p('kalamdb live wal', 'p99_us') / 1000:.2f} ms, sync {p('kalamdb live sync', 'p99_us') / 1000:.2f} ms")
    if name == "B11":
        base = p("fdatasync", "p50_us")
        for label in figures:
            if label.startswith("alter"):
                lines.append(f"{label}: p50 = fdatasync ({base:.0f} us) + {p(label, 'p50_us') - base:.0f} us")
        ratio("p99 of writes with an ALTER a second, of that without", p("and an ALTER a second", "p99_us"),
              p("5,000 writes/s, 1,000 live", "p99_us"))
        ratio("p50 of the same", p("and an ALTER a second", "p50_us"), p("5,000 writes/s, 1,000 live", "p50_us"))
        noted = figures["and an ALTER a second"]
        lines.append(f"a run: {noted['alters']:.0f} ALTERs, the slowest {noted['slowest_alter_us'] / 1000:.1f} ms, "
                     f"and {noted['slowest_schema_us'] / 1000:.1f} ms until the last live query had been told; "
                     f"{noted['refused']:.0f} writes refused with SCHEMA_CHANGED")
    return lines


def run_scenario(name, entries, rounds, seconds):
    entries = [(label, load, target(), arguments) for label, load, target, arguments in entries]
    entries = [entry for entry in entries if entry[2] is not None]
    runs = {label: [] for label, *_ in entries}
    for number in range(rounds):
        for label, load, target, arguments in entries:
            say(f"{name} round {number + 1}/{rounds}: {label}")
            result = measure(load, target, arguments, seconds)
            if not result["ok"]:
                return None, [f"{label}: {result['failure']}"]
            runs[label].append(result)
    figures = {label: median_of(results) for label, results in runs.items()}
    return figures, ratios(name, figures)


def print_table(name, figures, lines):
    print(f"\n{name:4} {'':28} {'rate/s':>10} {'low':>10} {'high':>10} {'p50 us':>8} {'p99 us':>8} {'p99.9 us':>9} {'cpu us/op':>10} {'peak MB':>8}")
    for label, f in figures.items():
        print(f"     {label:28} {f['rate']:10.0f} {f['rate_low']:10.0f} {f['rate_high']:10.0f} {f['p50_us']:8.0f} {f['p99_us']:8.0f} "
              f"{f['p999_us']:9.0f} {f['server_cpu_us']:10.1f} {f['server_peak_kib'] / 1024:8.0f}")
    for line in lines:
        print(f"     {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-instructions", action="store_true", help="B11 without the scans under callgrind, which take minutes")
    parser.add_argument("--many-files", action="store_true", help="B11 also over 10,000 files, which take minutes to make")
    parser.add_argument("--peer", action="store_true", help="peers are measured anyway where they are installed")
    options = parser.parse_args()
    programs = Programs(not options.no_peers)
    report = {"machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count(), "kernel": platform.release()},
              "scenarios": {}}
    failed = False
    try:
        plan = scenarios(programs, options)
        for name in options.scenario or list(plan):
            if name not in plan:
                sys.exit(f"there is no scenario {name}; there are {' '.join(plan)}")
            figures, lines = run_scenario(name, plan[name], options.rounds, options.seconds)
            if name == "B11" and figures is not None and not options.no_instructions:
                if shutil.which("valgrind"):
                    scans, wrong = count_scans(programs, min(options.rounds, 3))
                    figures, lines = (None, [wrong]) if scans is None else (figures, lines + print_scans(scans))
                else:
                    lines.append("scans are not counted: valgrind is not installed")
            if figures is None:
                failed = True
                print(f"\n{name}: void: {lines[0]}")
                report["scenarios"][name] = {"void": lines[0]}
                continue
            print_table(name, figures, lines)
            report["scenarios"][name] = {"figures": figures, "ratios": lines}
    finally:
        programs.stop(keep=failed)
    path = os.path.join(ROOT, "build", "bench.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(report, out, indent=1)
    print(f"\nwritten to build/bench.json; two cores are shared with the client, so quote ratios")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
