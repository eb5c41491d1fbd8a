# SPDX-License-Identifier: MIT
"""The programs of the differential test: what each is run with, and how often it is
looked at. PROGRAMS is what a change is tested with; LONG_PROGRAMS are the large ones,
with work that takes them to many places."""

import os
import re
import shutil
import signal
import subprocess
import time

CUT_SHARE = 0.001
STEPPED_CUT_SHARE = 0.01  # longjmp's last instructions have nowhere to return to
TIMEOUT_S = 1200
HERE = os.path.dirname(os.path.abspath(__file__))

PYTHON = "/usr/bin/python3"
SQL = """create table t(a integer primary key, b text);
with recursive c(x) as (select 1 union all select x+1 from c where x<3000)
insert into t select x, printf('%d-%d', x % 97, x) from c; create index i on t(b);
select count(*), max(b) from t group by a % 7; delete from t where a % 3; vacuum;"""
SCRIPT = """trap 'echo caught' USR1; for i in 1 2 3 4 5 6; do x=$(echo $i | tr 1 2); kill -USR1 $$
case $x in 2*) y=("$x" $(seq 30)) ;; *) y=${x//2/3} ;; esac; done; echo "${y[@]}" """
NODE = """const {Worker} = require('worker_threads');
new Worker("let a = []; for (let i = 0; i < 1e5; i++) a.push({i}); JSON.stringify(a)",
           {eval: true});
require('zlib').gzipSync(Buffer.alloc(1e6)); require('child_process').execSync('ls')"""
PY = """import json, re, sqlite3, subprocess, threading, zlib, hashlib, decimal
t = [threading.Thread(target=lambda: json.dumps([str(i) for i in range(3000)])) for _ in range(3)]
[x.start() for x in t]; [x.join() for x in t]
c = sqlite3.connect(':memory:'); c.execute('create table t(a)')
c.executemany('insert into t values(?)', [(i,) for i in range(2000)])
sorted(c.execute('select * from t'), key=lambda r: -r[0])
re.findall(r'(a|b)+c', 'ababc' * 500); zlib.compress(b'x' * 100000)
subprocess.run(['/bin/true'])
def deep(n): return deep(n - 1) + 1 if n else len(json.dumps({'a': [1] * 50}))
deep(60)"""
CXX = """#include <map>\n#include <string>\n#include <vector>\n#include <regex>
template <int N> struct T { std::map<int, std::vector<std::string>> m; T<N - 1> t; };
template <> struct T<0> {};\nint main() { T<40> t; std::regex r("a+"); return (int)t.m.size(); }"""


PY_TESTS = ("test_json test_re test_ast test_decimal test_email test_xml_etree test_descr "
            "test_pickle test_ctypes test_zlib test_hashlib test_unicode test_dict test_itertools "
            "test_functools test_datetime test_traceback test_inspect test_typing test_csv "
            "test_struct").split()
SQL_LONG = """create table t(a integer primary key, b text, c real);
create table u(x, y, foreign key(x) references t(a));
with recursive c(x) as (select 1 union all select x+1 from c where x<20000)
insert into t select x, printf('%d-%d', x % 997, x), x / 3.0 from c;
insert into u select a, b from t where a % 5 = 0; create index i on t(b); create index j on u(y, x);
create view v as select t.a, u.y from t join u on t.a = u.x;
create trigger g after delete on u begin insert into t(b) values(old.y); end;
select count(*), max(b), group_concat(a) from t group by a % 7;
select *, row_number() over (partition by a % 10 order by b), sum(c) over w from t
  window w as (order by a rows 5 preceding) limit 3000;
select json_group_array(json_object('a', a, 'b', b)) from t where a < 2000;
select json_extract('{"a": [1, {"b": 2}]}', '$.a[1].b'), json_each.value
  from json_each('[1, 2, {"x": 3}]');
create virtual table f using fts5(body); insert into f select b || ' word ' || a from t limit 3000;
select highlight(f, 0, '<', '>') from f where f match 'word' limit 500;
create virtual table r using rtree(id, x0, x1); insert into r select a, a, a + 1 from t limit 2000;
select count(*) from r where x0 > 10 and x1 < 900;
select datetime('now'), strftime('%Y', 'now'), substr(b, 2), upper(b), hex(b), round(c, 1),
  instr(b, '-'), replace(b, '1', '2'), printf('%08.3f', c) from t limit 3000;
select * from v where y like '%9%' order by y desc limit 100; explain query plan select * from v;
delete from u where x % 3 = 0; update t set b = b || 'x' where a % 4 = 1; savepoint s;
delete from t where a > 19000; rollback to s; release s; alter table t add column d default 5;
analyze; reindex; pragma integrity_check; vacuum; pragma optimize;
"""
C_LONG = "".join(f"#include <{name}.h>\n" for name in (
    "stdio", "stdlib", "string", "math", "pthread", "sys/socket", "netinet/in", "regex",
    "complex", "tgmath")) + "".join(f"""
struct s{i} {{ int a[{i} + 1]; double d; struct s{i} *next; union {{ long l; char c[8]; }} u; }};
static double f{i}(struct s{i} *s, int n) {{ double sum = 0;
for (int k = 0; k < n; k++) {{ switch (s->a[k % ({i} + 1)] & 7) {{ case 0: sum += s->d; break;
case 1: sum *= k; break; case 2: sum -= sin(k); break; case 3:
if (s->next) sum += f{i}(s->next, n / 2); break; default: sum += s->u.c[k & 7]; }} }}
char b[n + 1]; memset(b, n, n); return sum + b[n / 2]; }}
double g{i}(void *p, int n) {{ return f{i}(p, n); }}
"""
    for i in range(120)) + "int main(void) { return 0; }\n"
CXX_LONG = "".join(f"#include <{name}>\n" for name in (
    "map", "string", "vector", "regex", "functional", "future", "iostream", "algorithm",
    "unordered_map", "variant", "optional", "memory", "sstream", "random", "ranges")) + """
template <int N> struct T { std::map<int, std::vector<std::string>> m; T<N - 1> t;
  template <class F> auto go(F f) { return f(m, [this](auto x) { return t.go(x); }); }
  virtual int v(int x) { return x + N + t.v(x - 1); } };
template <> struct T<0> { template <class F> int go(F) { return 0; } int v(int x) { return x; } };
int main() { T<30> t; std::regex r("a+(b|c)*"); std::variant<int, std::string, double> v = 1.5;
  std::unordered_map<std::string, std::function<int(int)>> f;
  f["x"] = [&](int i) { return t.v(i); };
  auto a = std::async([&] { try { return std::stoi("12"); }
    catch (std::exception &e) { return 0; } });
  std::vector<int> x(100); std::mt19937 g(1); std::shuffle(x.begin(), x.end(), g);
  std::sort(x.begin(), x.end()); std::stringstream s;
  s << std::visit([](auto y) { return sizeof y; }, v);
  for (int i : x | std::views::filter([](int i) { return i % 2; })) s << i;
  return (int)t.m.size() + a.get() + f["x"](3) + (int)s.str().size(); }
"""
NODE_LONG = """const {Worker} = require('worker_threads'), fs = require('fs');
const zlib = require('zlib');
const crypto = require('crypto'), http = require('http'), util = require('util');
for (let k = 0; k < 3; k++) new Worker("let a = []; for (let i = 0; i < 2e5; i++) a.push({i});" +
  "JSON.stringify(a); new RegExp('(a|b)+c').test('ab'.repeat(2000))", {eval: true});
zlib.gzipSync(Buffer.alloc(1e6)); zlib.brotliCompressSync(Buffer.alloc(1e5));
crypto.pbkdf2Sync('a', 'b', 1000, 64, 'sha512');
crypto.generateKeyPairSync('ec', {namedCurve: 'P-256'});
require('child_process').execSync('ls'); require('dns').lookup('localhost', () => {});
const s = http.createServer((q, r) => r.end(JSON.stringify(process.memoryUsage())));
s.listen(0, async () => {
  for (let i = 0; i < 200; i++) await new Promise(ok => http.get({port: s.address().port},
    r => r.resume().on('end', ok)));
  s.close(); });
for (const f of fs.readdirSync('/usr/include').slice(0, 50)) fs.stat('/usr/include/' + f, () => {});
let o = {}; for (let i = 0; i < 3e5; i++) o['k' + i % 5000] = [i, new Date(i), /x/g, Symbol(i)];
util.inspect(o); structuredClone(Object.keys(o)); new Intl.DateTimeFormat('de').format(new Date());
eval('function f(n) { return n ? f(n - 1) + 1 : JSON.stringify(o).length }; f(500)');
WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));"""
LUA = """local t = {} for i = 1, 200 do redis.call('set', KEYS[1] .. i, string.rep('x', i))
t[i] = redis.call('get', KEYS[1] .. i) end table.sort(t) return cjson.encode(t)"""
REDIS_COMMANDS = [line.split() for line in (
    "config get *", "info all", "client list", "debug sleep 0", "memory doctor",
    "sort mylist alpha", "setbit b 9 1", "pfadd p a b c", "geoadd g 13.3 38.1 x", "xadd s * a 1",
    "object encoding key", "zunionstore z 1 myzset", "scan 0", "dump mylist", "command docs",
    "bgsave", "save", "slowlog get", "latency doctor", "lpos mylist x", "hrandfield h",
    "expire key 100", "acl list")]
GIT_COMMANDS = [words.split() for words in (
    "log --stat --graph --oneline", "diff HEAD~3", "status", "grep line", "branch side HEAD~4",
    "merge-base side HEAD", "checkout -q side", "rebase -q HEAD~2", "checkout -q -",
    "stash list", "fsck --full", "repack -adfq", "show --raw HEAD", "format-patch -3 --stdout",
    "rev-list --all --objects", "shortlog -s HEAD", "describe --always", "archive HEAD", "reflog",
    "cat-file --batch-check --batch-all-objects", "tag t", "ls-files -s", "commit-graph write",
    "diff --word-diff --patience HEAD~2", "blame -w -M -C f", "bundle create b HEAD",
    "worktree list")]


class Program:
    """One line of the table: what to run, and how often to look."""

    def __init__(self, name, run, every=1, most=4000, cuts=CUT_SHARE):
        self.name, self.run, self.every, self.most, self.cuts = name, run, every, most, cuts
        self.environment = {}

    def with_environment(self, **environment):
        self.environment = environment
        return self


def command(*argv, text=None):
    def run(env, work):
        return subprocess.run(argv, env=env, cwd=work, input=text, text=True, timeout=TIMEOUT_S,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).returncode
    run.needs = argv[0]
    return run


def compiled(source, compiler, *flags, args=("60",)):
    """Compiles without the preload, runs with it."""
    def run(env, work):
        exe = os.path.join(work, "zoo" + re.sub(r"\W", "", compiler + "".join(flags + args)))
        subprocess.run([compiler, "-w", "-D_GNU_SOURCE", "-pthread", *flags,
                        os.path.join(HERE, source), "-o", exe], check=True)
        return subprocess.run([exe, *args], env=env, cwd=work, timeout=TIMEOUT_S).returncode
    run.needs = compiler
    return run


def redis(env, work, requests="2000", tests="set,get,lpush,lrange_100,hset,zadd", scripts=0):
    """A server under load, and an orderly stop."""
    port = str(20000 + os.getpid() % 20000)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(["redis-server", "--port", port, "--save", "", "--appendonly", "no"],
                              env=env, cwd=work, **quiet)
    for _ in range(100):
        if subprocess.run(["redis-cli", "-p", port, "ping"], **quiet).returncode == 0:
            break
        time.sleep(0.05)
    subprocess.run(["redis-benchmark", "-q", "-p", port, "-n", requests, "-c", "20", "-r", "1000",
                    "-t", tests], timeout=TIMEOUT_S, **quiet)
    for i in range(scripts):
        subprocess.run(["redis-cli", "-p", port, "eval", LUA, "1", f"k{i}"], **quiet)
        subprocess.run(["redis-cli", "-p", port, *REDIS_COMMANDS[i % len(REDIS_COMMANDS)]], **quiet)
    server.send_signal(signal.SIGTERM)
    return server.wait(timeout=TIMEOUT_S)


redis.needs = "redis-server"


def git(env, work, commits=3, more=()):
    """init, commits, log -p, gc: many short processes."""
    repo = os.path.join(work, "repo")
    shutil.rmtree(repo, ignore_errors=True)
    full = dict(env, GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a",
                GIT_COMMITTER_EMAIL="a@b", HOME=work, GIT_CONFIG_NOSYSTEM="1")
    status = 0
    steps = [["init", "-q", repo]]
    for i in range(commits):
        steps += [["-C", repo, "add", "."], ["-C", repo, "commit", "-q", "-m", f"step {i}"]]
    steps += [["-C", repo, "log", "-p"], ["-C", repo, "gc", "-q"], ["-C", repo, "blame", "f"]]
    steps += [["-C", repo, *words] for words in more]
    for n, step in enumerate(steps):
        if step[-1] == ".":
            with open(os.path.join(repo, "f"), "w", encoding="ascii") as out:
                out.write("".join(f"line {i * n}\n" for i in range(400)))
        status |= subprocess.run(["git", *step], env=full, cwd=work, stdout=subprocess.DEVNULL,
                                 timeout=TIMEOUT_S).returncode
    return status


git.needs = "git"

def redis_long(env, work):
    """All that redis-benchmark knows, scripts, and commands of every type."""
    return redis(env, work, "8000", "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,"
                 "zpopmin,lrange_100,lrange_300,mset", 40)


redis_long.needs = "redis-server"


def git_long(env, work):
    """More commits, and more of git's commands."""
    return git(env, work, 12, GIT_COMMANDS)


git_long.needs = "git"

PROGRAMS = [
    Program("python3", command(PYTHON, "-c", PY), every=3, most=60_000)
    .with_environment(PYTHONMALLOC="malloc"),
    Program("git", git),
    Program("sqlite3", command("sqlite3", ":memory:", SQL), most=20000),
    Program("g++/cc1plus", command("g++", "-x", "c++", "-O1", "-", "-o", "/dev/null", text=CXX),
            every=23, most=40_000),
    Program("redis-server", redis, every=5, most=40_000),
    Program("perl", command("perl", "-e", "my %h; $h{$_ % 77} .= join ',', map { $_ * 2 } 1 .. 9 "
                            "for 1 .. 3000; print sort { $h{$a} cmp $h{$b} } keys %h"),
            every=3, most=6000),
    Program("bash", command("bash", "-c", SCRIPT)),
    # Most of node's stacks have a part that V8 made at run time, or embedded
    # builtins without unwind information: cut there, and the same up to there.
    Program("node", command("node", "-e", NODE), every=3, most=20000, cuts=1.0),
    # The single-stepped ones stand still in the middle of code that no call
    # ever leaves from.
    *[Program(f"step {cc} -O{o}", compiled("zoo.c", cc, f"-O{o}", args=("step",)), most=20000,
              cuts=STEPPED_CUT_SHARE) for cc in ("gcc", "clang") for o in (0, 2)],
    *[Program(f"zoo {cc} -O{o} {fp}", compiled("zoo.c", cc, f"-O{o}", fp), every=2, most=3000)
      for cc in ("gcc", "clang") for o in (0, 1, 2, 3)
      for fp in ("-fomit-frame-pointer", "-fno-omit-frame-pointer")],
    *[Program(f"throw {cc} -O{o}", compiled("zoo_throw.cpp", cc, f"-O{o}", args=("300",)),
              most=4000)
      for cc in ("g++", "clang++") for o in (0, 2)],
]


LONG_PROGRAMS = [
    Program("python3 long", command(PYTHON, "-m", "test", *PY_TESTS), every=97, most=400_000)
    .with_environment(PYTHONMALLOC="malloc"),
    Program("git long", git_long, most=50_000),
    Program("sqlite3 long", command("sqlite3", ":memory:", SQL_LONG, ".dump"), most=250_000),
    Program("gcc/cc1 long", command("gcc", "-x", "c", "-O2", "-g", "-", "-lm", "-o", "/dev/null",
                                    text=C_LONG), every=7, most=150_000),
    Program("g++/cc1plus long", command("g++", "-std=c++20", "-x", "c++", "-O2", "-g", "-",
                                        "-o", "/dev/null", text=CXX_LONG), every=31, most=200_000),
    Program("redis-server long", redis_long, every=3, most=150_000),
    Program("node long", command("node", "-e", NODE_LONG), every=5, most=150_000, cuts=1.0),
]
