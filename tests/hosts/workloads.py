# SPDX-License-Identifier: MIT
"""The table of real programs: each row runs one file of programs/ in a fresh folder.

Dates and names are fixed where a program would write them into a file; what still
varies in the output from run to run stands in the row.
"""

from hosts import Workload

TRANSFER_RATES = ((r"after \d+ ms", "after N ms"),
                  (r"\d+\.\d+ ?(s\b|seconds|sec)", "N s"), (r"[\d.]+ [kMG]?B/s", "N B/s"))
JOB_PIDS = ((r"line \d+:\s+\d+ ", "line N: PID "), (r"process \d+", "process PID"))
# How often dash says it depends on whether it has collected the job before its wait.
DASH_JOBS = (*JOB_PIDS, (r"^(Terminated\n)+", "Terminated\n"))
POLLS = (r"\w+ errno 0 names \('grep', ", "the script polls with it until it is so")
KILLED = (r"start errno 0 names \('sleep', .*\n.*\nsleep\n100\n", "killed before or after its main")
SLEEPS = (r"\w+ errno 0 names \('sleep', ", "the script sleeps until it is so")
BACKENDS = (r"exit errno \d+ names \('postgres', 'postgres: ", "which files it has read by then")
LOOKS = (r"\w+ errno 0 names \('(tmux: client|tmux|grep)', ", "the script looks until it is so")
CUT_OFF = (r"exit errno 0 names \('od', ", "its reader, head, may be gone before it ends")
# Of CPython's own tests.
OPENS_ON = (r"exit .*\ndescriptors (\d+ ){30}", "daemon threads open files until the very end")
OPENSSL_PIDS = ((r"^\w+:error:", "PID:error:"),)
TEST_TIMES = (
    (r"\b\d+ (ms|sec|min)( \d+ sec)?", "N"),
    (r"\d+\.\d+ (sec|s)", "N"),
    (r"in \d+[\d.]* ?\w+", "N"),
    (r"^.*load avg.*$", "N"),
    # Told of a test that took longer than 30 seconds.
    (r"^test_\w+ passed N\n", ""),
    (r"^(== |Using random seed|Total duration).*$", "N"),
)


def python_test(module, options=""):
    """One of CPython's own test files."""
    return Workload(f"python-{module}", "python_test.sh", ("/usr/bin/python3",),
                    variables=(("MODULE", module),), normalise=TEST_TIMES, files=False,
                    options=options, timeout_s=600, kills=True, chance=(OPENS_ON,))


WORKLOADS = (
    # CPython's tests wait for the most part: first, so that the others run beside them.
    *(python_test(module)
      for module in ("test_signal", "test_threading", "test_subprocess", "test_os", "test_ssl",
                     "test_json")),
    Workload("startup-facts", "startup_facts.sh"),
    Workload("true", "true.sh"),
    Workload("bash-traps", "traps.sh", normalise=JOB_PIDS, chance=(POLLS, KILLED)),
    Workload("dash-traps", "traps.sh", interpreter="/bin/dash", normalise=DASH_JOBS,
             chance=(POLLS, KILLED)),
    Workload("bash-jobs", "jobs.sh"),
    Workload("dd-usr1", "dd_signal.sh", chance=(POLLS,)),
    Workload("coreutils", "coreutils.sh", chance=(CUT_OFF,)),
    Workload("search", "search.sh"),
    Workload("archives", "archives.sh", ("tar", "gzip", "xz")),
    Workload("perl", "interpreter.pl", ("perl",), interpreter="perl"),
    Workload("python", "interpreter.py", interpreter="/usr/bin/python3"),
    Workload("python-sampled", "interpreter.py", interpreter="/usr/bin/python3",
             options="sample=512k"),
    Workload("git", "git.sh", ("git",)),
    Workload("git-sampled", "git.sh", ("git",), options="sample=4k"),
    Workload("sqlite3", "sqlite3.sh", ("sqlite3",)),
    Workload("gcc-make", "gcc_make.sh", ("gcc", "g++", "make")),
    Workload("curl", "curl.sh", ("curl",), fixture="http", normalise=TRANSFER_RATES),
    Workload("openssl", "openssl.sh", ("openssl",), normalise=OPENSSL_PIDS),
    Workload("node", "node.sh", ("node",)),
    Workload("wget", "wget.sh", ("wget",), fixture="http"),
    Workload("ssh-keygen", "ssh_keygen.sh", ("ssh-keygen",)),
    Workload("gpg", "gpg.sh", ("gpg",)),
    Workload("editors", "editors.sh", ("vim", "ed")),
    Workload("tmux", "tmux.sh", ("tmux",), chance=(SLEEPS, LOOKS)),
    Workload("ruby", "ruby.rb", ("ruby",), interpreter="ruby"),
    Workload("cmake", "cmake.sh", ("cmake", "make", "g++")),
    Workload("languages", "languages.sh", ("lua5.4", "tclsh", "php")),
    Workload("text-tools", "text_tools.sh", ("gawk", "mawk", "bc", "m4", "less", "file", "flex",
                                             "bison")),
    Workload("sync", "sync.sh", ("rsync", "zstd")),
    Workload("java", "java.sh", ("java",)),
    Workload("memcached", "memcached.sh", ("memcached",), chance=(SLEEPS,)),
    Workload("postgres", "postgres.sh", ("unshare",), chance=(BACKENDS,)),
)
