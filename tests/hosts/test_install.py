# SPDX-License-Identifier: MIT
"""The bare line LD_PRELOAD=libctxtrace.so ./app, after meson install.

First from a temporary prefix with LD_LIBRARY_PATH. Then, as root in CI or where
CTXTRACE_TEST_INSTALL is set, from the system's own library folder, which is left as
it was. Prints "ok NAME", "skipped NAME: why" or "FAILED NAME: why".
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Failure(Exception):
    pass


def run(command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=300, stdin=subprocess.DEVNULL, check=False, **more)
    return done


def must(command, **more):
    done = run(command, **more)
    if done.returncode:
        raise Failure(f"{command[0]} {command[1]} ended with {done.returncode}: "
                      f"{(done.stdout + done.stderr)[-800:]}")
    return done.stdout


def install(build, prefix):
    """Installs a copy of the build's configuration with another prefix; what it wrote."""
    must(["meson", "setup", build, ROOT, f"-Dprefix={prefix}", "-Dbuildtype=debugoptimized"])
    targets = json.loads(must(["meson", "introspect", build, "--targets"]))
    must(["ninja", "-C", build, *(Path(name).relative_to(build) for target in targets
                                  if target["installed"] for name in target["filename"])])
    must(["meson", "install", "-C", build, "--no-rebuild"])
    log = build / "meson-logs" / "install-log.txt"
    lines = log.read_text(encoding="utf-8").splitlines()
    return [Path(line) for line in lines if line and not line.startswith("#")]


def check_bare_line(app, environment, where):
    """Runs exactly the line that the README gives, in a shell, and reads its report."""
    done = run(["/bin/sh", "-c", f"LD_PRELOAD=libctxtrace.so {app}"],
               env={**os.environ, **environment})
    if done.returncode != 0 or done.stdout != "read\n":
        raise Failure(f"{where}: status {done.returncode}, stdout {done.stdout!r}, "
                      f"stderr {done.stderr[-800:]!r}")
    if "cannot be preloaded" in done.stderr:
        raise Failure(f"{where}: the loader does not find it: {done.stderr.strip()}")
    if "held at exit" not in done.stderr or "open_config" not in done.stderr:
        raise Failure(f"{where}: no word of the held descriptor: {done.stderr[-800:]!r}")


def test_temporary_prefix(app):
    with tempfile.TemporaryDirectory(prefix="install-") as name:
        folder = Path(name)
        written = install(folder / "build", folder / "prefix")
        library = next((path for path in written if path.name == "libctxtrace.so"), None)
        if library is None:
            raise Failure(f"libctxtrace.so was not installed: {written}")
        environment = {"LD_LIBRARY_PATH": str(library.parent), "TMPDIR": name}
        check_bare_line(app, environment, "temporary prefix")
        check_pkg_config(folder, library.parent)


PROGRAM = """
#include <ctxtrace.h>
#include <stdio.h>
static void work(void *done) { *(int *)done = 1; }
int main(void)
{
    CTX_OWNED ctx_t *job = ctx_with_timeout(NULL, 60 * CTX_SECOND, 0, "took too long");
    ctx_waitgroup_t workers = CTX_WG_INIT;
    int done = 0;
    if (ctx_go(job, &workers, "worker", work, &done) != 0 || ctx_wg_wait(&workers, job) != 0)
        return 1;
    puts(done && ctx_counts(NULL) < 0 ? "works" : "does not");
    return 0;
}
"""
SUBPROJECT = """
project('app', 'c')
executable('app', 'app.c', dependencies: dependency('ctxtrace'))
"""


def must_work(app, environment):
    said = must([app], env={**os.environ, **environment})
    if said != "works\n":
        raise Failure(f"{app} said {said!r}")


def check_pkg_config(folder, library):
    """A program of a user's, against what was installed: shared, static, and in C++."""
    flags = run(["pkg-config", "--cflags", "--libs", "ctxtrace"],
                env={**os.environ, "PKG_CONFIG_PATH": str(library / "pkgconfig")})
    words = flags.stdout.split()
    if "-lctx" not in words:
        raise Failure(f"pkg-config says {flags.stdout!r} {flags.stderr!r}")
    (folder / "app.c").write_text(PROGRAM, encoding="utf-8")
    (folder / "app.cpp").write_text("#include <ctxtrace.hpp>\n" + PROGRAM, encoding="utf-8")
    environment = {"LD_LIBRARY_PATH": str(library)}
    for command in (["gcc", "app.c", *words], ["g++", "app.cpp", *words],
                    ["gcc", "app.c", *(word for word in words if word != "-lctx"),
                     library / "libctx.a"]):
        must([*command, "-o", "app"], cwd=folder)
        must_work(folder / "app", environment)


def test_subproject(app):
    """Of a project that uses meson."""
    with tempfile.TemporaryDirectory(prefix="install-") as name:
        folder = Path(name)
        (folder / "subprojects").mkdir()
        (folder / "subprojects" / "ctxtrace").symlink_to(ROOT)
        (folder / "app.c").write_text(PROGRAM, encoding="utf-8")
        (folder / "meson.build").write_text(SUBPROJECT, encoding="utf-8")
        must(["meson", "setup", "build", "--force-fallback-for=ctxtrace"], cwd=folder)
        must(["ninja", "-C", "build", "app"], cwd=folder)
        must_work(folder / "build" / "app", {})


def test_system(app):
    """Into /usr, where the loader looks by itself; everything written is removed again."""
    with tempfile.TemporaryDirectory(prefix="install-") as name:
        before = {path for path in (Path("/usr/bin/ctxtrace"),) if path.exists()}
        if before or run(["/sbin/ldconfig", "-p"]).stdout.count("libctxtrace"):
            return "ctxtrace is installed here already"
        written = []
        try:
            written = install(Path(name) / "build", "/usr")
            check_bare_line(app, {"TMPDIR": name}, "system prefix")
        finally:
            remove(written)
    return None


def remove(paths):
    """Deletes the files, then the folders that only they had kept."""
    for path in paths:
        if path.is_file() or path.is_symlink():
            path.unlink()
    for folder in sorted({path if path.is_dir() else path.parent for path in paths},
                         key=lambda path: -len(path.parts)):
        if "ctxtrace" in folder.name and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def may_install_in_system():
    wanted = os.environ.get("CI") == "true" or os.environ.get("CTXTRACE_TEST_INSTALL")
    return os.getuid() == 0 and wanted


def run_test(name, test, app):
    try:
        why = test(app)
    except (Failure, OSError, subprocess.TimeoutExpired) as error:
        print(f"FAILED {name}: {error}", flush=True)
        return 1
    print(f"skipped {name}: {why}" if why else f"ok {name}", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True)
    parser.add_argument("--lib", required=True, type=Path)
    options = parser.parse_args()
    app = options.lib.resolve().parents[1] / "tests" / "apps" / "fd"
    failures = run_test("install-prefix", test_temporary_prefix, app)
    failures += run_test("install-subproject", test_subproject, app)
    if may_install_in_system():
        failures += run_test("install-system", test_system, app)
    else:
        print("skipped install-system: only as root with CI=true or CTXTRACE_TEST_INSTALL=1")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
