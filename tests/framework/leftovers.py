# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a run has left: processes, sockets and files, all known by the directory that the run was given. A process that
# has cleaned its environment still has the directory in its arguments, or stands in it.
import os
import signal
from pathlib import Path


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def processes(directory):
    wanted = os.fsencode(directory)
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = os.fsencode(os.readlink(process / "cwd"))
        except OSError:
            where = b""
        arguments = read(process / "cmdline")
        if int(process.name) != os.getpid() and wanted in read(process / "environ") + b"\0" + arguments + b"\0" + where:
            found[int(process.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")[:200]
    return found


def end(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def sockets(directory):
    return [line.split()[-1] for line in Path("/proc/net/unix").read_text(errors="replace").splitlines() if str(directory) in line]


def files(directory):
    return [str(path) for path in Path(directory).rglob("*")]
