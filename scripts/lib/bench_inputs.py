# SPDX-License-Identifier: MIT
"""Makes what the real programs of the bench work on: the same bytes each time, from a
fixed seed, so that figures of two runs are of the same work."""

import json
import random
import subprocess

SEED = 20260
WORDS = ("ledger", "owner", "stack", "frame", "holding", "context", "descriptor", "report",
         "thread", "signal", "socket", "handle", "module", "recipe", "window", "branch")

# ---- a large binary with DWARF ----

LARGE_UNITS = 100
LARGE_PLACES_EACH = 100
LARGE_PADDING = 650  # functions of a unit that only carry debug information
LARGE_HEAD = """
#include <stdlib.h>
extern void *kept[];
extern unsigned kept_count;
void record(void);
struct part { int a, b; long c; double d; struct part *next; };
"""
LARGE_PLACE = """
static __attribute__((noinline)) void place_%d(void)
{
    kept[kept_count++] = malloc(48);
    record();
}
"""
LARGE_FILLER = """
static inline long step_%(n)d(struct part *part, long factor)
{
    long total = 0;
    for (struct part *at = part; at; at = at->next) {
        long share = at->c * factor, rest = at->a - at->b;
        total += share %% (rest | 1);
    }
    return total;
}
long filler_%(n)d(struct part *first, struct part *second, int limit)
{
    long sum = step_%(n)d(first, %(n)d), other = step_%(n)d(second, limit);
    for (int i = 0; i < limit; i++) {
        long value = sum ^ (other << (i & 7));
        if (value & 1)
            sum += step_%(n)d(second, value);
    }
    return sum - other;
}
"""
LARGE_MAIN = """
#include <stdio.h>
void *kept[%(places)d], *recorded[%(places)d];
unsigned kept_count, recorded_count;
__attribute__((noinline)) void record(void)
{
    recorded[recorded_count++] = __builtin_return_address(0);
}
%(declarations)s
int main(void)
{
%(calls)s
    for (unsigned i = 0; i < recorded_count; i++)
        printf("%%p\\n", recorded[i]);
    return 0;
}
"""


def make_large_program(folder, units):
    """A program of `units` compilation units that allocates at 100 places in each.

    One unit is compiled, and copied with another name of its entry: the debug
    information is as large as that of so many sources, and made in seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "many_places"
    if program.exists():
        return program
    calls = "".join(f"    place_{n}();\n" for n in range(LARGE_PLACES_EACH))
    text = [LARGE_HEAD, *(LARGE_PLACE % n for n in range(LARGE_PLACES_EACH)),
            f"void entry(void)\n{{\n{calls}}}\n",
            *(LARGE_FILLER % {"n": n} for n in range(LARGE_PADDING))]
    (folder / "unit.c").write_text("".join(text))
    names = [f"entry_{unit}" for unit in range(units)]
    (folder / "main.c").write_text(LARGE_MAIN % {
        "places": units * LARGE_PLACES_EACH,
        "declarations": "\n".join(f"void {name}(void);" for name in names),
        "calls": "\n".join(f"    {name}();" for name in names)})
    for source in ("unit", "main"):
        # Places that are alike must stay functions, and callers, of their own.
        subprocess.run(["gcc", "-O2", "-g", "-fno-ipa-icf", "-fno-optimize-sibling-calls", "-c",
                        f"{source}.c"], cwd=folder, check=True)
    for name in names:
        subprocess.run(["objcopy", "--redefine-sym", f"entry={name}", "--keep-global-symbol",
                        name, "unit.o", f"{name}.o"], cwd=folder, check=True)
    objects = [f"{name}.o" for name in names]
    subprocess.run(["gcc", "-no-pie", "main.o", *objects, "-o", program.name], cwd=folder,
                   check=True)
    for name in objects:
        (folder / name).unlink()
    return program


# ---- what the real programs read; `size` is 1.0 for a run of about a second ----


def write_sql(path, size):
    rows = int(120_000 * size)
    path.write_text(f"""
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, amount INTEGER, note TEXT);
CREATE TABLE link(item INTEGER, other INTEGER, weight REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
  INSERT INTO item SELECT i, printf('item-%06d', i * 7919 % {rows}), i * 31 % 1000,
    'note ' || (i % 97) || ' of ' || hex(i) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
  INSERT INTO link SELECT i, i * 17 % {rows}, (i % 100) / 10.0 FROM n;
CREATE INDEX item_name ON item(name);
CREATE INDEX link_item ON link(item, other);
SELECT amount, count(*), group_concat(substr(name, -3)) FROM item
  WHERE amount < 50 GROUP BY amount ORDER BY 2, 1;
SELECT a.name, b.name, sum(l.weight) FROM link l JOIN item a ON a.id = l.item
  JOIN item b ON b.id = l.other GROUP BY a.amount ORDER BY 3 DESC, 1 LIMIT 100;
UPDATE item SET note = upper(note) || replace(name, 'item', 'thing') WHERE amount % 3 = 0;
DELETE FROM link WHERE weight > 8;
SELECT json_group_array(json_object('id', id, 'note', note)) FROM item WHERE id < 2000;
SELECT count(*), sum(length(note)), min(name), max(name) FROM item;
""")
    # Statements by themselves, as a program sends them.
    with path.open("a") as file:
        for i in range(int(20_000 * size)):
            file.write(f"SELECT name, note FROM item WHERE id = {i * 13 % rows + 1};\n")


def write_python(path, size):
    path.write_text(f"""
import collections, json
class Node:
    def __init__(self, key, value):
        self.key, self.value, self.children = key, value, []
def build(depth, key):
    node = Node(key, {{"depth": depth, "name": "n%d" % key}})
    if depth:
        node.children = [build(depth - 1, key * 3 + i) for i in range(3)]
    return node
def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)
for _ in range({max(1, int(8 * size))}):
    tree = build(8, 1)
    names = collections.Counter(node.value["name"][-2:] for node in walk(tree))
    text = json.dumps([node.value for node in walk(tree)])
    values = json.loads(text)
    pairs = sorted((v["name"][::-1], v["depth"] * 1000 + i) for i, v in enumerate(values))
    joined = "".join("%s=%d;" % pair for pair in pairs)
    parts = [part.split("=") for part in joined.split(";")]
    big = [n ** 9 % 1000003 for n in range(20000)]
    print(len(joined), len(parts), sum(big), names.most_common(5))
""")


C_FUNCTION = """
struct record_%(n)d { int key; const char *name; double weight; struct record_%(n)d *next; };
static int score_%(n)d(const struct record_%(n)d *at, int limit)
{
    int total = %(a)d;
    for (int i = 0; at && i < limit; at = at->next, i++) {
        switch ((at->key ^ i) %% 7) {
        case 0: total += (int)strlen(at->name); break;
        case 1: total -= at->key << (i & 3); break;
        case 2: total ^= (int)(at->weight * %(b)d.5); break;
        case 3: if (total > %(a)d) total /= 3; else total *= 5; break;
        default: total += at->key %% (i + %(b)d);
        }
    }
    return total;
}
int fill_%(n)d(char *buffer, size_t size, struct record_%(n)d *list)
{
    size_t used = 0;
    for (struct record_%(n)d *at = list; at; at = at->next) {
        int wrote = snprintf(buffer + used, size - used, "%%s:%%d:%%g ", at->name, at->key,
                             at->weight + score_%(n)d(at, %(b)d));
        if (wrote < 0 || (size_t)wrote >= size - used)
            return -1;
        used += (size_t)wrote;
        for (size_t i = used; i > 1 && buffer[i - 2] == ' '; i--)
            buffer[i - 2] = (char)('a' + (i + %(a)d) %% 26);
    }
    return (int)used;
}
"""


def write_c(path, size):
    """A preprocessed source: what cc1 itself is given."""
    chance = random.Random(SEED)
    source = path.with_suffix(".c")
    source.write_text("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n" + "".join(
        C_FUNCTION % {"n": n, "a": chance.randrange(99), "b": chance.randrange(1, 30)}
        for n in range(max(1, int(50 * size)))))
    subprocess.run(["gcc", "-E", source, "-o", path], check=True)


def write_history(path, size):
    """A repository of a few hundred commits, by one stream of git fast-import."""
    chance = random.Random(SEED)
    files = {f"src/part_{n}.txt": [" ".join(chance.choices(WORDS, k=8)) for _ in range(200)]
             for n in range(40)}
    stream = []
    for commit in range(max(2, int(400 * size))):
        stream.append(f"commit refs/heads/main\ncommitter Bench <bench@localhost> "
                      f"{1700000000 + commit * 3600} +0000\n")
        message = f"part: change {commit}\n"
        stream.append(f"data {len(message)}\n{message}\n")
        for name in chance.sample(sorted(files), 40 if commit == 0 else 6):
            lines = files[name]
            for _ in range(12):
                lines[chance.randrange(len(lines))] = " ".join(chance.choices(WORDS, k=8))
            if chance.random() < 0.3:
                lines.insert(chance.randrange(len(lines)), f"new line of commit {commit}")
            text = "\n".join(lines) + "\n"
            stream.append(f"M 100644 inline {name}\ndata {len(text)}\n{text}\n")
    subprocess.run(["git", "init", "-q", "-b", "main", path], check=True)
    subprocess.run(["git", "-C", path, "fast-import", "--quiet"], check=True,
                   input="".join(stream).encode())


def write_json(path, size):
    chance = random.Random(SEED)
    path.write_text(json.dumps([
        {"id": n, "name": f"{chance.choice(WORDS)}-{n}", "group": chance.choice(WORDS),
         "amount": round(chance.random() * 1000, 2), "tags": chance.sample(WORDS, 4),
         "place": {"x": chance.randrange(1000), "y": chance.randrange(1000)}}
        for n in range(int(16_000 * size))]))
