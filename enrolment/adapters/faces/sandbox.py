"""Shuts the worker in: no network, no files, no other program, bounded memory.

What it may ask of the kernel is a list; everything else is refused. Where the list
cannot be had, or powers cannot be laid down, it does not serve (`Unshut`).
"""

import ctypes
import errno
import os
import resource
from typing import Any

PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
OPEN_FILES = 16
MEMORY_MAX = 2 * 1024**3
NICE = 10
CLONE_THREAD = 0x10000
# Whoever starts the box as root has pictures looked at by an account without powers.
NOBODY = 65534
# What a program does that computes and speaks on its standard streams: memory, time,
# threads, the streams. Names that a machine does not know are left out.
ALLOWED = (
    *("read", "write", "readv", "writev", "close", "lseek", "fstat", "fcntl"),
    *("mmap", "munmap", "mprotect", "mremap", "madvise", "brk"),
    *("futex", "set_robust_list", "get_robust_list", "rseq", "membarrier"),
    *("set_tid_address", "sched_yield", "sched_getaffinity", "getcpu"),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack"),
    *("restart_syscall", "exit", "exit_group", "getpid", "gettid", "getrandom"),
    *("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep"),
    *("gettimeofday", "time", "getrusage", "poll", "ppoll", "select", "pselect6"),
)
# Newer ways of allowed things: "not there" has a library take the older one.
OLDER = ("clone3", "futex_waitv", "futex_wait", "futex_wake")


class Unshut(Exception):
    """The sandbox cannot be closed on this machine; says why."""


def shut_in() -> str:
    """Close the sandbox for good; return as whom the program goes on.

    Raises Unshut where the kernel's filter is not to be had.
    """
    os.nice(NICE)  # the door comes first
    libc = ctypes.CDLL(None, use_errno=True)
    # Made before: the library may lie where only root may read.
    rules = _rules()
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _lay_down_powers()
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    try:
        rules.load()
    except OSError as error:
        raise Unshut("the kernel takes no filter") from error
    return "root's powers laid down" if os.geteuid() == NOBODY else "its own account"


def _lay_down_powers() -> None:
    if os.geteuid() != 0:
        return
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError as error:
        raise Unshut("it runs as root and cannot lay its powers down") from error


def _rules() -> Any:
    """Return pyseccomp's filter, which is not in force yet."""
    try:
        import pyseccomp  # noqa: PLC0415 - raises where the system has no libseccomp
    except (ImportError, OSError, RuntimeError) as error:
        raise Unshut("libseccomp is missing: apt install libseccomp2") from error
    rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in ALLOWED:
        _rule(rules, pyseccomp.ALLOW, name)
    for name in OLDER:
        _rule(rules, pyseccomp.ERRNO(errno.ENOSYS), name)
    # A new thread, never a new process.
    thread = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_THREAD, CLONE_THREAD)
    rules.add_rule(pyseccomp.ALLOW, "clone", thread)
    return rules


def _rule(rules: Any, action: int, name: str) -> None:
    try:
        rules.add_rule(action, name)
    except (OSError, ValueError):
        return  # this machine has no such call
