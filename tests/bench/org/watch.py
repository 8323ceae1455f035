"""A program at work: its wall and processor seconds, and the most memory that it and all that it started held at once."""

import os
import subprocess
import threading
import time

EVERY = 0.02


class Watched:
    def __init__(self, command, cwd, env, log):
        """Runs a command to its end."""
        self.peak = 0
        with open(log, "wb") as out:
            began = time.monotonic()
            process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            ended = threading.Event()
            watch = threading.Thread(target=self._watch, args=(process.pid, ended))
            watch.start()
            _, status, used = os.wait4(process.pid, 0)
            self.seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        watch.join()
        self.code = process.returncode
        self.processor = used.ru_utime + used.ru_stime
        # A peak between two looks is known of the process that had it.
        self.peak = max(self.peak, used.ru_maxrss)

    def _watch(self, root, ended):
        while not ended.wait(EVERY):
            self.peak = max(self.peak, sum(resident(pid) for pid in family(root)))


def family(root):
    """A process and all that it and its children started."""
    found = [root]
    for pid in found:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
                    found += map(int, children.read().split())
        except OSError:
            pass
    return found


def resident(pid, field="VmRSS:"):
    """KiB of memory, 0 where the process has gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith(field):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0
