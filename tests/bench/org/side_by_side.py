"""The same CSV into the same kind of org by one client after the other: seconds, memory, API calls, and whether the org holds what the file does.

    side_by_side.py TOOLS WORK ROWS[,ROWS…] CLIENT…
"""

import os
import sys
from pathlib import Path
from statistics import median

import rows
from clients import CLIENTS, Load, fresh
from org import Org
from watch import Watched

# 150 MB in base64.
MOST_OF_A_JOB = 100_000_000
OPERATION = os.environ.get("OPERATION", "upsert")
ROUNDS = int(os.environ.get("ROUNDS", "1"))
COLUMNS = f"{'':<20}{'seconds':>9}{'to bare':>9}{'its CPU':>9}{'org CPU':>9}{'peak MB':>9}{'API calls':>11}"


def main():
    tools, work, sizes, *names = sys.argv[1:]
    tools, work = Path(tools).absolute(), Path(work).absolute()
    wrong = 0
    for size in map(int, sizes.split(",")):
        file = fresh(work / "files") / "accounts.csv"
        rows.write(file, size)
        parts = rows.parts(file, file.parent, MOST_OF_A_JOB)
        source = rows.of_source(size)
        print(f"\n{size:,} rows of {len(rows.FIELDS)} columns, {file.stat().st_size / 1e6:.0f} MB, {OPERATION}; the org stands on the same machine")
        print(COLUMNS)
        runs = {name: [] for name in names}
        for _ in range(ROUNDS):
            for name in names:
                run = one(name, tools, work, file, parts)
                runs[name].append(run)
                if run.code or run.held != source:
                    wrong += 1
                    print(f"{CLIENTS[name].name:<20} ended with {run.code}; the org holds {run.held.count:,} records, {'as' if run.held == source else 'NOT as'} the file does; its output is in {run.log}")
        bare = median(run.seconds for run in runs["bare"]) if "bare" in runs else None
        for name in names:
            show(CLIENTS[name].name, runs[name], bare)
    sys.exit(1 if wrong else 0)


def one(name, tools, work, file, parts):
    """One client's load, with an org of its own."""
    folder = fresh(work / name)
    org, client = Org(tools.parent / "release/stevedore", folder), CLIENTS[name]()
    try:
        load = Load(tools, folder, org, OPERATION, file, parts)
        client.prepare(load)
        calls, busy = org.calls(), org.seconds()
        run = Watched(client.command(load), folder, load.env, folder / "output.log")
        run.log = folder / "output.log"
        run.org_processor = org.seconds() - busy
        run.calls = org.calls() - calls - 1
        run.services = client.memory()
        run.held = org.held()
        return run
    finally:
        client.end()
        org.end()


def show(name, runs, bare):
    def of(value):
        return median(value(run) for run in runs)

    seconds = of(lambda run: run.seconds)
    ratio = f"{seconds / bare:.2f}" if bare else ""
    print(
        f"{name:<20}{seconds:>9.1f}{ratio:>9}{of(lambda run: run.processor):>9.1f}{of(lambda run: run.org_processor):>9.1f}"
        f"{max(run.peak for run in runs) / 1000:>9.0f}{of(lambda run: run.calls):>11.0f}",
        flush=True,
    )
    if runs[-1].services:
        each = ", ".join(f"{role} {most / 1000:.0f}" for role, most in runs[-1].services.items())
        print(f"{'':<20}the services' peaks, MB: {each}; together {sum(runs[-1].services.values()) / 1000:.0f}")


main()
