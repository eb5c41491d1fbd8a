# SPDX-License-Identifier: MIT
"""Hazards of names and versions: which function a name is, which file a plugin gets."""

import ctypes
import json
import re
import subprocess
import tempfile
from pathlib import Path

from arrangements import compile_hello, need, run
from tracing import Mismatch, Skip

# What moves bytes about is chosen at load time and called before anything of ours can run.
MOVES_BYTES = re.compile(r"(__)?(mem([cmprs]|frob)|str|wcs|wmem|bcopy|bzero)(?!align)")
PRIVATE_LIBRARIES = ("liblzma.so.5", "libunwind.so.8")

HOST = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    void *plugin = argc > 2 ? dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW) : dlopen(argv[1], RTLD_NOW);
    int (*answer)(void) = plugin ? (int (*)(void))dlsym(plugin, "answer") : 0;
    printf("%d %s\\n", answer ? answer() : -1, plugin ? "" : dlerror());
    return plugin ? dlclose(plugin) : 1;
}
"""
WORKER = """
#include <stdio.h>
#include <stdlib.h>
int answer(void)
{
    FILE *stream = fopen("/etc/passwd", "r");
    free(malloc(100));
    return stream ? fclose(stream) + 42 : 0;
}
"""
OUTER = """
#include <dlfcn.h>
int answer(void)
{
    void *inner = dlopen("inner.so", RTLD_NOW);
    int (*call)(void) = inner ? (int (*)(void))dlsym(inner, "answer") : 0;
    return call ? call() : inner ? -3 : -2;
}
"""


def list_versions(library):
    """{name: [(version, is default, address, type)]} of what a library exports."""
    need("nm")
    found = {}
    lines = run(["nm", "-D", "--defined-only", "--with-symbol-versions", library]).stdout
    for address, kind, symbol in (line.split() for line in lines.splitlines()):
        name, at, version = symbol.partition("@")
        if kind != "A":
            found.setdefault(name, []).append((version.lstrip("@"), version.startswith("@") or
                                               not at, int(address, 16), kind))
    return found


def find_libc():
    """The file of the libc that programs get here."""
    for line in run(["ldd", "/bin/sh"]).stdout.splitlines():
        if "libc.so.6 =>" in line:
            return Path(line.split()[2])
    raise Skip("/bin/sh has no libc.so.6")


def test_symbol_versions(tracker):
    """hazard: A5, A6: a name is one function under all its versions, or has a hook for each;
    and the default version is what dlsym gives."""
    path = find_libc()
    libc, ours = list_versions(path), list_versions(tracker.library)
    loaded = ctypes.CDLL(str(path))
    bases, strays = set(), []
    for name in sorted(set(ours) & set(libc)):
        versions = libc[name]
        default = [address for _, is_default, address, _ in versions if is_default]
        if default:
            bases.add(ctypes.cast(getattr(loaded, name), ctypes.c_void_p).value - default[0])
        elif all(version == "" or is_default for version, is_default, *_ in ours[name]):
            strays.append(f"{name} (dlsym does not find it)")
        if len({address for _, _, address, _ in versions}) == 1:
            continue
        hooked = {version for version, *_ in ours[name]}
        strays += [f"{name}@{version}" for version, *_ in versions if version not in hooked]
    if strays:
        raise Mismatch(f"another function than the default, and no hook: {', '.join(strays)}")
    if len(bases) != 1:
        raise Mismatch("dlsym does not give the default version of every hooked name")


def test_chosen_at_load(tracker):
    """hazard: A18: nothing is hooked that libc chooses at load time, or that moves bytes."""
    libc, ours = list_versions(find_libc()), list_versions(tracker.library)
    chosen = {name for name in ours if any(kind == "i" for *_, kind in libc.get(name, ()))}
    movers = {name for name in ours if MOVES_BYTES.match(name)}
    if chosen or movers:
        raise Mismatch(f"hooked: {' '.join(sorted(chosen | movers))}")


def build_shared(folder, name, text, *flags):
    path = Path(folder) / name
    source = path.with_suffix(".c")
    path.parent.mkdir(exist_ok=True)
    source.write_text(text, encoding="ascii")
    done = run(["gcc", "-shared", "-fPIC", source, "-o", path, *flags])
    if done.returncode:
        raise Skip(f"gcc does not work here: {done.stderr[-200:]}")
    return path


def compare_host(tracker, folder, host, *words, options=""):
    """The host's output without us, which must be the same with us."""
    native = run([host, *words])
    done = run([host, *words], env=tracker.environment(options, TMPDIR=folder))
    if (done.returncode, done.stdout, done.stderr) != (native.returncode, native.stdout, ""):
        raise Mismatch(f"status {done.returncode}, {done.stdout!r} instead of "
                       f"{native.stdout!r}; {done.stderr[-300:]!r}")
    return native.stdout


def test_bundled_libraries(tracker):
    """hazard: 0.6, A11: a plugin with a liblzma and libunwind of its own gets its own."""
    with tempfile.TemporaryDirectory() as folder:
        host = compile_hello(folder, "gcc", text=HOST)
        private = [build_shared(folder, f"private/{name}", f"int own_{number}(void) "
                                "{ return 3; }\n", f"-Wl,-soname,{name}")
                   for number, name in enumerate(PRIVATE_LIBRARIES)]
        plugin = build_shared(
            folder, "plugin.so", "int own_0(void), own_1(void);\n"
            "int answer(void) { return own_0() + own_1(); }\n",
            *private, "-Wl,-rpath,$ORIGIN/private", "-Wl,--enable-new-dtags")
        if compare_host(tracker, folder, host, plugin) != "6 \n":
            raise Skip("the plugin does not load without us either")


def test_callers_runpath(tracker):
    """hazard: A14: a plugin that only its caller's RUNPATH leads to."""
    with tempfile.TemporaryDirectory() as folder:
        host = compile_hello(folder, "gcc", text=HOST)
        build_shared(folder, "hidden/inner.so", WORKER)
        outer = build_shared(folder, "outer.so", OUTER, "-Wl,-rpath,$ORIGIN/hidden",
                             "-Wl,--enable-new-dtags")
        if compare_host(tracker, folder, host, outer) != "42 \n":
            raise Skip("RUNPATH does not work here")


# What a library with these flags opens by this name, or what that needs, is found in the
# library's name alone; or not at all, for that reason.
SEARCHES = {
    "runpath": ("inner.so", ("-Wl,-rpath,$ORIGIN/hidden", "-Wl,--enable-new-dtags"), "42 \n"),
    "rpath": ("inner.so", ("-Wl,-rpath,$ORIGIN/hidden", "-Wl,--disable-new-dtags"), "42 \n"),
    "rpath of the needed": ("{folder}/needy.so",
                            ("-Wl,-rpath,$ORIGIN/hidden", "-Wl,--disable-new-dtags"), "-2 \n"),
    "origin": ("$ORIGIN/hidden/inner.so", (), "42 \n"),
    "no default folders": ("libresolv.so.2", ("-Wl,-z,nodefaultlib",), "-2 \n"),
    "plain path": ("{folder}/hidden/inner.so", (), "42 \n"),
    "no file": ("{folder}/hidden/none.so", (), "-2 \n"),
}


def test_searches(tracker):
    """hazard: A14: who calls counts in three ways, and in each of them it is not us."""
    for case, (name, flags, expected) in SEARCHES.items():
        with tempfile.TemporaryDirectory() as folder:
            host = compile_hello(folder, "gcc", text=HOST)
            build_shared(folder, "hidden/inner.so", WORKER, "-Wl,-soname,inner.so")
            build_shared(folder, "needy.so", "int answer(void);\nint (*use)(void) = answer;\n",
                         str(Path(folder) / "hidden/inner.so"))
            text = OUTER.replace("inner.so", name.format(folder=folder))
            outer = build_shared(folder, "outer.so", text, *flags)
            if compare_host(tracker, folder, host, outer) != expected:
                raise Skip(f"{case}: it is otherwise without us, too")


def test_openings_at_once(tracker):
    """hazard: E1, E12: the books have none that all threads have closed."""
    program = tracker.build / "tests" / "hazards" / "hazards_loading"
    with tempfile.TemporaryDirectory() as folder:
        done = run([program, "open_at_once"], env=tracker.environment(f"dir={folder}"))
        dump = next(Path(folder).glob("*.ctt"))
        report = json.loads(run([tracker.tool, "report", "--format=json", dump]).stdout)
    still = report["summary"]["by_kind"].get("module", {"live": 0})
    if done.returncode or still["live"]:
        raise Mismatch(f"status {done.returncode}, the books have {still}")


def test_programs_own_runpath(tracker):
    """hazard: A14: the program's own, and its error text where there is nothing."""
    with tempfile.TemporaryDirectory() as folder:
        build_shared(folder, "hidden/inner.so", WORKER)
        for flags, name in ((("-Wl,--enable-new-dtags",), "inner.so"),
                            (("-Wl,--disable-new-dtags",), "inner.so"),
                            (("-Wl,--enable-new-dtags",), "none.so"),
                            (("-Wl,--enable-new-dtags",), "$ORIGIN/hidden/inner.so"),
                            (("-Wl,--enable-new-dtags",), "/nowhere/none.so")):
            host = compile_hello(folder, "gcc", "-Wl,-rpath,$ORIGIN/hidden", *flags, text=HOST)
            compare_host(tracker, folder, host, name)


WRAPPER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
void *dlopen(const char *name, int mode)
{
    Dl_info caller = {0};
    dladdr(__builtin_return_address(0), &caller);
    printf("%s\\n", strrchr(caller.dli_fname, '/'));
    return ((void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen"))(name, mode);
}
"""


def test_wrapped_dlopen(tracker):
    """hazard: A4, A14: another library's dlopen behind ours finds the program as its caller."""
    with tempfile.TemporaryDirectory() as folder:
        host = compile_hello(folder, "gcc", text=HOST)
        plugin = build_shared(folder, "plugin.so", WORKER)
        wrapper = build_shared(folder, "wrapper.so", WRAPPER)
        for order in (f"{tracker.library}:{wrapper}", f"{wrapper}:{tracker.library}"):
            done = run([host, plugin], env=tracker.environment(LD_PRELOAD=order, TMPDIR=folder))
            if (done.stdout, done.stderr) != (f"/{host.name}\n42 \n", ""):
                raise Mismatch(f"{order}: {done.stdout!r}, {done.stderr[-300:]!r}")


# Calls the program's dlopen from a namespace where the search is another.
CALLER = """
#define _GNU_SOURCE
#include <dlfcn.h>
long place(void *(*open)(const char *, int))
{
    Lmid_t number = -1;
    void *handle = open("{folder}/worker.so", RTLD_NOW);
    return handle && dlinfo(handle, RTLD_DI_LMID, &number) == 0 ? number : -1;
}
"""
NAMESPACES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    void *there = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
    long (*place)(void *(*)(const char *, int)) = there ? dlsym(there, "place") : NULL;
    printf("%ld\\n", place ? place(dlopen) : -2);
    return 0;
}
"""


def test_caller_in_other_namespace(tracker):
    """hazard: A14, A16: a dlopen by way of a pointer opens where its caller is at home."""
    with tempfile.TemporaryDirectory() as folder:
        host = compile_hello(folder, "gcc", text=NAMESPACES)
        build_shared(folder, "worker.so", WORKER)
        caller = build_shared(folder, "caller.so", CALLER.replace("{folder}", folder))
        if compare_host(tracker, folder, host, caller) != "1\n":
            raise Skip("dlmopen does not work here")


def test_other_namespace(tracker):
    """hazard: A16: a plugin in a namespace with a libc of its own runs unharmed."""
    with tempfile.TemporaryDirectory() as folder:
        host = compile_hello(folder, "gcc", text=HOST)
        plugin = build_shared(folder, "plugin.so", WORKER)
        if compare_host(tracker, folder, host, plugin, "new") != "42 \n":
            raise Skip("dlmopen does not work here")


# A libc of the future, as far as the functions go that it has and ours has not.
NEWER = """
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>
const char *gnu_get_libc_version(void) { return "2.45"; }
int pidfd_spawn(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const *argv, char *const *envp)
{
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    __typeof__(&posix_spawn) spawn = (__typeof__(&posix_spawn))dlsym(libc, "posix_spawn");
    pid_t pid;
    int error = spawn(&pid, path, actions, attributes, argv, envp);
    if (!error)
        *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return error;
}
int openat2(int at, const char *path, const struct open_how *how, size_t bytes)
{
    return (int)syscall(SYS_openat2, at, path, how, bytes);
}
void free_sized(void *p, size_t bytes) { free(p); }
"""
NEWER_MAP = "GLIBC_2.39 { pidfd_spawn; }; GLIBC_2.43 { openat2; free_sized; };\n"
NEWER_USER = """
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#ifdef WEAK
#pragma weak pidfd_spawn
#pragma weak openat2
#pragma weak free_sized
#endif
extern char **environ;
int pidfd_spawn(int *, const char *, void *, void *, char **, char **);
int openat2(int, const char *, const struct open_how *, size_t);
void free_sized(void *, size_t);
int main(void)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC};
    char *words[] = {"true", NULL};
    int children[2] = {-1, -1};
    siginfo_t end = {0};

    if (!pidfd_spawn || !openat2 || !free_sized)
        return puts("not there"), 0;
    for (int i = 0; i < 2; i++)
        printf("%d ", pidfd_spawn(&children[i], "/bin/true", NULL, NULL, words, environ));
    waitid(P_PIDFD, children[0], &end, WEXITED);
    printf("%d ", pidfd_spawn(&children[0], "/nowhere", NULL, NULL, words, environ));
    printf("%d ", openat2(AT_FDCWD, "/", &how, sizeof(how)));
    printf("%d\\n", openat2(AT_FDCWD, "/nowhere", &how, sizeof(how)));
    for (int i = 0; i < 1000; i++)
        free_sized(malloc(1000), 1000);
    return 0;
}
"""


def test_newer_libc(tracker):
    """hazard: A5: functions that only a libc of the future has are seen there, and are not
    there where libc has not got them."""
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder) / "names.map"
        names.write_text(NEWER_MAP, encoding="ascii")
        newer = build_shared(folder, "newer.so", NEWER, "-D_GNU_SOURCE", "-w",
                             f"-Wl,--version-script={names}")
        user = compile_hello(folder, "gcc", "-D_GNU_SOURCE", "-w", "-Wl,--no-as-needed",
                             str(newer), f"-Wl,-rpath,{folder}", text=NEWER_USER)
        done = run([user], env=tracker.environment(f"dir={folder}:verbose=1"))
        if (done.returncode, done.stdout) != (0, "0 0 2 5 -1\n"):
            raise Mismatch(f"status {done.returncode}, {done.stdout!r} {done.stderr[-300:]}")
        report = json.loads(run([tracker.tool, "report", "--format=json",
                                 *Path(folder).glob("hello.*.ctt")]).stdout)
        held = {row["kind"]: row["count"] for row in report["live"]}
        if (held.get("fd"), held.get("event"), held.get("process")) != (1, 2, 1) or \
                sum(row["count"] for row in report["live"] if row["kind"] == "memory") > 100:
            raise Mismatch(f"held: {held}")
        looks = compile_hello(folder, "gcc", "-DWEAK", "-D_GNU_SOURCE", "-w", text=NEWER_USER)
        compare_host(tracker, folder, looks)


PLUGIN = """
#include <fcntl.h>
#include <stdlib.h>
void *%(function)s(void)
{
    open("/dev/null", O_RDONLY);
    return malloc(%(bytes)d);
}
"""
PLUGINS_HOST = """
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        struct link_map *plugin = dlopen(argv[i], RTLD_NOW);
        void *(*leak)(void) = (void *(*)(void))dlsym(plugin, argv[i + 1]);
        printf("%lx\\n", (unsigned long)plugin->l_addr);
        leak();
        dlclose(plugin);
    }
    return 0;
}
"""


def test_closed_plugins(tracker):
    """What plugins leaked that are not there any more is told by their files and lines, also
    when another lies at the same address now."""
    with tempfile.TemporaryDirectory() as folder:
        plugins = [build_shared(folder, f"{function}.so", PLUGIN % locals(), "-g", "-w")
                   for function, bytes in (("leak_first", 1111), ("leak_second", 2222))]
        host = compile_hello(folder, "gcc", "-w", text=PLUGINS_HOST)
        words = [word for plugin in plugins for word in (plugin, plugin.stem)]
        done = run([host, *words], env=tracker.environment(f"dir={folder}:held=all"))
        if len(set(done.stdout.splitlines())) != 1:
            raise Skip("the two plugins do not get the same address here")
        report = json.loads(run([tracker.tool, "report", "--format=json",
                                 *Path(folder).glob("hello.*.ctt")]).stdout)
        told = {(row["kind"], frame["function"], Path(frame["file"]).name, frame["line"])
                for row in report["live"] if row["kind"] in ("fd", "memory")
                for frame in report["stacks"][str(row["stack"])][1:2] if frame["file"]}
        expected = {(kind, plugin.stem, f"{plugin.stem}.c", line) for plugin in plugins
                    for kind, line in (("fd", 6), ("memory", 7))}
        if not expected <= told:
            raise Mismatch(f"told: {told}")


def test_start_under_loader_options(tracker):
    """hazard: A1, A2, A3: the start with all symbols bound at once, and with the loader's
    own messages, which allocate early."""
    native = subprocess.run(["/bin/true"], check=True, capture_output=True, text=True)
    for name, value in (("LD_BIND_NOW", "1"), ("LD_DEBUG", "libs"), ("LD_VERBOSE", "1")):
        with tempfile.TemporaryDirectory() as folder:
            done = run(["/bin/true"], env=tracker.environment(**{name: value, "TMPDIR": folder}))
        if (done.returncode, done.stdout) != (0, native.stdout):
            raise Mismatch(f"{name}: status {done.returncode}, {done.stderr[-300:]!r}")


TESTS = (
    test_symbol_versions,
    test_chosen_at_load,
    test_bundled_libraries,
    test_callers_runpath,
    test_searches,
    test_openings_at_once,
    test_programs_own_runpath,
    test_wrapped_dlopen,
    test_caller_in_other_namespace,
    test_other_namespace,
    test_newer_libc,
    test_closed_plugins,
    test_start_under_loader_options,
)
