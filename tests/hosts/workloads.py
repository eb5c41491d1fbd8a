# SPDX-License-Identifier: MIT
"""The table of real programs. Each row is a shell script; needs name its programs.

Everything happens in a fresh folder with HOME and TMPDIR beside it. Dates and names
are fixed where a program would write them into a file.
"""

from hosts import Workload

TIMES = ((r"\d+\.\d+ ?(s\b|seconds|sec)", "N s"), (r"[\d.]+ [kMG]?B/s", "N B/s"))
SHELL_JOBS = ((r"line \d+:\s+\d+ ", "line N: PID "), (r"process \d+", "process PID"))

TREE = """
mkdir -p tree/a/b tree/c; seq 20000 > tree/numbers; head -c 300000 /dev/zero > tree/a/zeros
for i in 1 2 3 4 5 6 7 8 9; do seq $i 500 > tree/a/b/$i.txt; done; ln -s ../numbers tree/c/link
"""

TRAPS = """
trap 'echo caught usr1' USR1; trap 'echo leaving' EXIT; trap 'echo caught int' INT
kill -USR1 $$; kill -INT $$
(trap 'echo child caught term' TERM; sh -c 'kill -TERM $PPID'; echo child goes on)
for i in 3 1 2; do echo $i; done | sort -r | while read -r x; do echo "got $x"; done
sh -c 'kill -TERM $$'; echo "status $?"
sh -c 'kill -SEGV $$' 2>/dev/null; echo "status $?"
sh -c 'exit 3'; echo "status $?"
exec 7</etc/passwd; read -r line <&7; exec 7<&-; echo "$line"
x=$(seq 1000 | tail -1); echo "$x"
nohup sh -c 'kill -HUP $$; echo survived the hangup' 2>/dev/null
(trap '' PIPE; seq 100000 2>/dev/null | head -1)
sleep 100 & kill $!; wait $!; echo "waited $?"
trap - USR1; sh -c 'trap "echo inner" USR1; kill -USR1 $$; echo after'
"""

BASH_ONLY = """
coproc cat; echo to the coprocess >&"${COPROC[1]}"; read -r -u "${COPROC[0]}" line; echo "$line"
exec {COPROC[1]}>&-; wait
cat <(echo process) <(echo substitution); seq 5 | tee >(cat >/dev/null) | wc -l
mapfile -t rows < <(seq 50); echo "${#rows[@]}"; false | true | false; echo "${PIPESTATUS[@]}"
for i in $(seq 20); do (exit $((i % 3))); echo -n "$? "; done; echo
set -o pipefail; seq 10 | grep 11 | cat; echo $?; type -t cd; ulimit -n; umask
"""

DD_SIGNAL = """
mkfifo fifo; dd if=fifo of=/dev/null 2>messages & pid=$!
exec 3>fifo; until grep -q '^0 0x0 ' /proc/$pid/syscall 2>/dev/null; do :; done
kill -USR1 $pid; until grep -q records messages; do :; done
exec 3>&-; wait $pid; echo "status $?"; sed 's/,.*//' messages; rm messages fifo
"""

COREUTILS = TREE + """
sort -rn tree/numbers | head -3; uniq -c tree/numbers | tail -1; wc tree/numbers; cut -c1 tree/numbers |
sort | uniq -c; ls -R tree; cp -a tree copy; diff -r tree copy && echo same; md5sum tree/a/b/*.txt
split -n 4 tree/numbers part.; cat part.* | cmp - tree/numbers && echo joined
seq 10 | tee out1 out2 | tac | paste -s -d, ; timeout 0.2 sleep 5; echo "timeout $?"
stdbuf -oL seq 3; env -i /bin/echo clean; env -i /usr/bin/env; factor 1234567890; stat -c '%a %F' tree/c/link
echo text | tr a-z A-Z; od -c tree/a/b/9.txt | head -2; shuf -i 1-100 --random-source=tree/numbers | head -3
chmod 600 tree/numbers; install -m 755 tree/numbers bin; rm -r copy; nice -n 5 true; sync tree/numbers
join <(seq 5) <(seq 3 8); comm -12 <(seq 5) <(seq 3 8); ls /nonexistent; echo "ls $?"; ls -l /proc/self/fd | wc -l
ls tree >/dev/full; echo "full $?"; yes | head -2; mktemp -u | wc -c; readlink -f tree/c/link | wc -l
"""

SEARCH = TREE + """
grep -c 7 tree/numbers; grep -rn 499 tree | sort; grep -q nothing tree/numbers; echo $?
find tree -name '*.txt' -size -3k | sort; find tree -type f -exec wc -c {} + | sort -n | tail -1
find tree -type f -print0 | sort -z | xargs -0 -P2 -n3 cat | wc -l; find tree -name '*.txt' -exec grep -l 300 {} \\; | sort
find tree -type l -delete; sed -n '100,105p' tree/numbers; awk '{s += $1} END {print s}' tree/numbers
"""

ARCHIVES = TREE + """
tar --sort=name --mtime=2020-01-01 --owner=0 --group=0 -cf all.tar tree; gzip -nk all.tar; xz -k -T2 all.tar
tar tzf all.tar.gz | wc -l; mkdir out; tar xJf all.tar.xz -C out; diff -r tree out/tree && echo same
tar czf piped.tgz tree; tar xzf piped.tgz --to-stdout tree/numbers | tail -1; gzip -t all.tar.gz && echo good
gzip -d < all.tar.gz | cmp - all.tar && xz -dc all.tar.xz | sha256sum; xz -l all.tar.xz | wc -l; rm piped.tgz
head -c 1000 all.tar.gz > cut.gz; gzip -t cut.gz; echo "cut $?"
"""

PERL = r"""
perl -e '
use strict; use warnings; use Socket; use POSIX ":sys_wait_h";
$SIG{USR1} = sub { print "usr1\n" }; kill USR1 => $$;
pipe(my $r, my $w); my $pid = fork();
if (!$pid) { close $r; print $w "from the child\n"; exit 4 }
close $w; print <$r>; close $r; waitpid($pid, 0); print $? >> 8, "\n";
print `echo backticks`; system("exit 3"); print $? >> 8, "\n";
open(my $out, "|-", "sort") or die; print $out "$_\n" for 3, 1, 2; close $out;
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC); syswrite $a, "ping"; sysread $b, my $x, 4; print "$x\n";
$SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select(undef, undef, undef, 20); }; print $@;
my %h = map { $_ => $_ ** 2 } 1 .. 20000; my $s = 0; $s += $_ for values %h; print "$s\n";
opendir(my $d, "/") or die; my @names = readdir $d; closedir $d; print @names > 3 ? "listed\n" : "empty\n";
'"""

PYTHON = r"""
/usr/bin/python3 - <<'P'
import concurrent.futures, json, multiprocessing, os, signal, socket, sqlite3, subprocess, tempfile, threading, time
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGUSR1))
try:
    os.kill(os.getpid(), signal.SIGINT); time.sleep(5)
except KeyboardInterrupt:
    print("KeyboardInterrupt")
signal.signal(signal.SIGALRM, lambda *a: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.1)
time.sleep(0.3)
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(lambda n: n * n, range(2000))))
print(subprocess.run(["sh", "-c", "echo out; exit 5"], capture_output=True))
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(abs, range(-5, 5)))
a, b = socket.socketpair(); a.send(b"x"); print(b.recv(1)); a.close(); b.close()
with tempfile.TemporaryFile() as f, tempfile.TemporaryDirectory() as d:
    f.write(b"y"); print(os.listdir(d), f.fileno())
db = sqlite3.connect(":memory:"); print(db.execute("select 6 * 7").fetchone()); db.close()
pid = os.fork()
if not pid: os._exit(6)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), len(os.listdir("/proc/self/fd")))
try:
    print(os.waitpid(-1, 0))
except ChildProcessError: print("no child left")
t = threading.Thread(target=lambda: print("thread", threading.active_count())); t.start(); t.join()
P
"""


def python_test(module, timeout_s=600):
    """One of CPython's own test files; what varies is times, temp names and seeds."""
    return Workload(
        f"python-{module}",
        f"/usr/bin/python3 -c 'import test.{module}' 2>/dev/null || {{ echo 'Debian package libpython3.*-testsuite'; exit 77; }}\n"
        f"/usr/bin/python3 -m test -u none {module}",
        ("/usr/bin/python3",), timeout_s=timeout_s, files=False,
        normalise=((r"\b\d+ (ms|sec|min)( \d+ sec)?", "N"), (r"\d+\.\d+ (sec|s)", "N"),
                   (r"^.*load avg.*$", "N"), (r"in \d+[\d.]* ?\w+", "N"),
                   (r"^(== |Using random seed|Total duration).*$", "N")))


GIT = """
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_GLOBAL=/dev/null
git init -q -b main one; cd one
for i in $(seq 12); do seq $i $((i * 40)) > file$((i % 4)); git add .; git commit -qm "change $i"; done
git checkout -qb side HEAD~3; seq 9 > other; git add .; git commit -qm side; git checkout -q main
git merge -q --no-edit side; cd ..; git clone -q one two; cd two
git log -p --stat | sha256sum; git log --oneline --graph | wc -l; git -c gc.pruneExpire=now gc -q; git fsck 2>/dev/null
git blame file1 | tail -2; git diff HEAD~5 --stat | tail -1; git grep -c 11; git stash list; git status --short
git fetch -q ../one; git bundle create -q ../b.bundle main; git bundle verify -q ../b.bundle && echo bundled
git rebase -q HEAD~2 2>&1 | wc -l; git archive HEAD | sha256sum; git show nothing; echo "status $?"
rm -rf ../one/.git/index .git/index ../one/.git/logs .git/logs
"""

SQLITE = """
sqlite3 data.db <<'S'
create table t (id integer primary key, name text); pragma journal_mode = wal;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) insert into t select i, 'row ' || i from n;
create index by_name on t(name); select count(*), sum(id), max(name) from t; pragma integrity_check;
select name from t where name like 'row 199%' order by id desc limit 3; delete from t where id % 2; vacuum;
.backup copy.db
.dump t
S
sqlite3 copy.db 'select count(*) from t; select * from nothing'; echo "status $?"
"""

MAKE = r"""
cat > Makefile <<'M'
all: one two library.a shared.so
	./one; ./two
one two: %: %.c library.a
	$(CC) -O2 -g $< library.a -o $@
library.a: part1.o part2.o part3.o
	$(AR) rcsD $@ $^
shared.so: part1.c part2.c
	$(CC) -shared -fPIC -O1 $^ -o $@
M
for i in 1 2 3; do echo "int part$i(int x) { return x * $i; }" > part$i.c; done
for p in one two; do printf '#include <stdio.h>\nint part2(int);int main(void){printf("%s %%d\\n",part2(21));return 0;}\n' $p > $p.c; done
make -j2 -Otarget CC=gcc 2>&1 | sort; make -j2 CC=gcc | tail -2; gcc -O2 -flto=2 one.c part2.c -o lto && ./lto
echo 'int broken(' > broken.c; gcc -c broken.c; echo "status $?"; g++ -x c++ - -o cpp <<'C' && ./cpp
#include <iostream>
#include <vector>
#include <stdexcept>
int main() { std::vector<int> v(1000, 7); try { v.at(5000); } catch (const std::out_of_range &) { std::cout << "thrown\n"; } }
C
"""

CURL = """
url=http://127.0.0.1:$FIXTURE_PORT
for i in 1 2 3; do curl -sS $url/small; done; curl -sS $url/big | sha256sum
curl -sS $url/small $url/small $url/big -o a -o b -o c; sha256sum a b c
curl -sS --no-progress-meter --parallel --parallel-max 8 $(for i in $(seq 20); do echo "$url/big?$i -o p$i"; done); sha256sum p* | sort -u -k1,1 | wc -l
curl -sS -d @c $url/post; curl -sS -f $url/missing; echo "status $?"; curl -sS http://127.0.0.1:1/; echo "refused $?"
"""

OPENSSL = """
seq 1000 > text; openssl dgst -sha256 text; openssl enc -aes-256-cbc -pbkdf2 -nosalt -pass pass:x -in text -out secret
openssl enc -d -aes-256-cbc -pbkdf2 -nosalt -pass pass:x -in secret | cmp - text && echo same
openssl genrsa -out key.pem 2048 2>/dev/null; openssl req -x509 -new -key key.pem -subj /CN=host -days 10 -out cert.pem
openssl verify -CAfile cert.pem cert.pem; openssl dgst -sign key.pem -sha256 -out sig text
openssl x509 -in cert.pem -noout -subject; openssl rsa -in key.pem -check -noout; rm key.pem cert.pem sig
openssl rand -hex 16 | wc -c; openssl x509 -in text; echo "status $?"
"""

NODE = r"""
cat > main.js <<'J'
const {Worker, isMainThread, parentPort, workerData} = require('worker_threads');
if (!isMainThread) { parentPort.postMessage(workerData ** 2); return; }
const http = require('http'), cp = require('child_process'), fs = require('fs');
const work = n => new Promise(done => new Worker(__filename, {workerData: n}).on('message', done));
const get = (port, path) => new Promise(done => http.get({port, path, agent: false}, r => {
  let s = ''; r.on('data', d => s += d).on('end', () => done(s)); }));
(async () => {
  console.log(await Promise.all([1, 2, 3, 4].map(work)));
  console.log(cp.execSync('echo from the shell').toString().trim());
  console.log(cp.spawnSync('sh', ['-c', 'exit 7']).status);
  await new Promise(done => cp.exec('kill -TERM $$', e => { console.log(e.signal); done(); }));
  const server = http.createServer((q, r) => r.end('path ' + q.url)).listen(0, '127.0.0.1');
  await new Promise(done => server.once('listening', done));
  const port = server.address().port;
  console.log(await Promise.all([1, 2, 3, 4, 5].map(i => get(port, '/' + i))));
  server.close(); fs.writeFileSync('written', 'x'.repeat(1000)); console.log(fs.readFileSync('written').length);
  process.once('SIGINT', () => console.log('SIGINT seen')); process.kill(process.pid, 'SIGINT');
})();
J
node main.js; echo "status $?"; node -e 'process.exit(9)'; echo "status $?"; node -e 'throw new TypeError("thrown")' 2>&1 | grep -c thrown
"""

WORKLOADS = (
    Workload("startup-facts", "$APPS/startup_facts one 'two words' ''"),
    Workload("true", "/bin/true; /bin/echo; exec /bin/echo replaced"),
    Workload("bash-traps", TRAPS, normalise=SHELL_JOBS),
    Workload("dash-traps", TRAPS, shell="/bin/dash", normalise=SHELL_JOBS),
    Workload("bash-jobs", BASH_ONLY),
    Workload("dd-usr1", DD_SIGNAL),
    Workload("coreutils", COREUTILS),
    Workload("search", SEARCH),
    Workload("archives", ARCHIVES, ("tar", "gzip", "xz")),
    Workload("perl", PERL, ("perl",)),
    Workload("python", PYTHON, ("/usr/bin/python3",)),
    *(python_test(module) for module in ("test_signal", "test_threading", "test_os",
                                         "test_subprocess")),
    Workload("git", GIT, ("git",)),
    Workload("sqlite3", SQLITE, ("sqlite3",)),
    Workload("gcc-make", MAKE, ("gcc", "g++", "make")),
    Workload("curl", CURL, ("curl",), fixture="http", normalise=TIMES),
    Workload("openssl", OPENSSL, ("openssl",), normalise=((r"^\w+:error:", "N:error:"),)),
    Workload("node", NODE, ("node",)),
)
