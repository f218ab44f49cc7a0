"""Shuts the worker in: no network, no files, no other program, bounded memory."""

import ctypes
import errno
import os
import resource

PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
OPEN_FILES = 16
MEMORY_MAX = 2 * 1024**3
NICE = 10
CLONE_THREAD = 0x10000
# Calls by which a program reaches something outside itself. What is not known to the
# kernel's headers of this machine is left out.
REFUSED = (
    *("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4"),
    *("sendto", "sendmsg", "open", "openat", "openat2", "creat", "unlink", "unlinkat"),
    *("rename", "renameat", "renameat2", "mkdir", "mkdirat", "mknod", "mknodat"),
    *("execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "kill"),
    *(
        "tkill",
        "ioctl",
        "mount",
        "umount2",
        "chroot",
        "bpf",
        "keyctl",
        *("io_uring_setup", "truncate", "ftruncate", "rmdir", "symlink", "symlinkat"),
        *("link", "linkat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown"),
        *("fchownat", "utime", "utimes", "utimensat", "futimesat", "setxattr"),
        *("lsetxattr", "fsetxattr", "removexattr", "process_vm_writev", "pidfd_open"),
        *("pidfd_send_signal", "pidfd_getfd", "tgkill", "rt_sigqueueinfo"),
        *(
            "rt_tgsigqueueinfo",
            "prlimit64",
            "memfd_create",
            "shmget",
            "shmat",
            "mq_open",
        ),
        *("msgget", "semget", "userfaultfd", "perf_event_open", "unshare", "setns"),
    ),
)


def shut_in() -> bool:
    """Close the sandbox for good; return whether the kernel's filter is part of it."""
    os.nice(NICE)  # the door comes first
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    return _filter()


def _filter() -> bool:
    try:
        import pyseccomp  # noqa: PLC0415 - raises where the system has no libseccomp
    except (ImportError, OSError, RuntimeError):
        return False
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in REFUSED:
        try:
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
        except (OSError, ValueError):
            continue  # this machine has no such call
    # A new process is refused, a new thread is not.
    whole = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_THREAD, 0)
    rules.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", whole)
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    try:
        rules.load()
    except OSError:
        return False
    return True
