"""subreaper.py USER COMMAND...: runs the command as that user ("" is nobody else) and adopts everything it leaves behind.

A daemon that detaches itself becomes a child of the nearest "subreaper" instead of init's, so what it used stays countable
below one process. SIGTERM and SIGINT are passed on to the command. Ends, with the command's exit code, when all are gone.
"""
import ctypes
import os
import signal
import subprocess
import sys

PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 15, 36  # linux/prctl.h
NAME = b"bench-subreaper"  # processes.py knows it by that


def main():
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NAME, NAME, 0, 0, 0) != 0 or prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit("subreaper: " + os.strerror(ctypes.get_errno()))
    user, *command = sys.argv[1:]
    # Only here: that user may not be able to run this interpreter.
    who = {"user": user, "group": user, "extra_groups": []} if user else {}
    started = subprocess.Popen(command, **who).pid
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: os.kill(started, received))
    code = 1
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            sys.exit(code)
        if pid == started:
            code = os.waitstatus_to_exitcode(status) & 0xFF


main()
