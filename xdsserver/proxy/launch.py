"""Become Envoy. Imports nothing of ours, so that it starts in a hundredth of a second.

    python -I -S launch.py bound PARENT_PID BINARY ARGUMENTS...   die with the parent
    python -I -S launch.py detached BINARY ARGUMENTS...           outlive it; prints the pid and ends

A program of its own rather than a `preexec_fn`: that would run Python between fork and exec of a process with gRPC's
threads, which may deadlock.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
EXIT_ORPHANED = 125
EXIT_NOT_STARTED = 127


def main() -> None:
    """Do what the first argument says; returns only where there is nothing to become."""
    match sys.argv[1:]:
        case ["bound", parent_pid, *command]:
            _die_with(int(parent_pid))
            _become(command)
        case ["detached", *command]:
            # Nobody's child: Python kills children that it forgets, and asyncio those whose loop has ended.
            if pid := os.fork():
                print(pid)  # noqa: T201 (stdout is the answer)
            else:
                os.dup2(2, 1)
                _become(command)


def _die_with(parent_pid: int) -> None:
    """Ask the kernel for SIGKILL when the parent dies; kept across exec, as is the process id."""
    if sys.platform != "linux":
        return
    # SIGKILL, since a draining Envoy would still hold the ports that the next life of the parent wants. The kernel
    # sends it when the *thread* that forked ends: the supervisor forks from its event loop's thread, which lives as
    # long as the supervisor does.
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        _fail(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    # The parent may have died before the line above; then no signal will ever come.
    if os.getppid() != parent_pid:
        sys.exit(EXIT_ORPHANED)


def _become(command: list[str]) -> None:
    try:
        os.execv(command[0], command)  # noqa: S606 (to replace this process is the point)
    except OSError as error:
        _fail(f"cannot execute {command[0]}: {error.strerror}")


def _fail(words: str) -> None:
    print(words, file=sys.stderr)  # noqa: T201 (stderr is what the supervisor reads)
    sys.exit(EXIT_NOT_STARTED)


if __name__ == "__main__":
    main()
