# SPDX-License-Identifier: MIT
"""Writes random programs that log their own calls (call_log.h): C, or C++ with
exceptions, in one object or with a shared library.

A program is some forty functions that call each other with a depth that only falls.
Each has a random signature and a random kind of frame, and does random things that
are hard on an unwinder; none of it is random but by the seed.
"""

import random

FUNCTIONS = (25, 40)
HANDLERS = 3
CALLBACKS = 2

# How a function is declared, and how it is called with N.
SIGNATURES = {
    "plain": ("int {name}(unsigned n)", "{name}({n})"),
    "many": ("int {name}(unsigned n, int a, int b, int c, int d, int e, int f, int g, long h)",
             "{name}({n}, 1, 2, 3, 4, 5, 6, 7, 8)"),
    "variadic": ("int {name}(unsigned n, ...)", "{name}({n}, 3, 4.5, 6)"),
    "large": ("struct large {name}(unsigned n)", "{name}({n}).v[1]"),
    "float": ("double {name}(unsigned n, double x, long double y)",
              "(int){name}({n}, 1.5, 2.5L)"),
    "target": ("int {name}(unsigned n)", "{name}({n})"),
    "handler": ("void {name}(int number)", None),
    "callback": ("int {name}(const void *a, const void *b)", None),
}
RETURNS = {
    "large": "struct large result = {{0}};\n    result.v[1] = sum;\n    return result;",
    "float": "return (double)sum + x + (double)y;",
    "many": "return sum + a + b + c + d + e + f + g + (int)h;",
    "handler": None,
    "callback": "return *(const int *)a - *(const int *)b;",
}


class Function:
    """One function: what it is called, and where it goes."""

    def __init__(self, number, signature, part):
        self.number, self.signature, self.part = number, signature, part
        self.name = f"function_{number}"

    def declaration(self):
        return SIGNATURES[self.signature][0].format(name=self.name)

    def call(self, n):
        return SIGNATURES[self.signature][1].format(name=self.name, n=n)


class Program:
    """The sources of one program: .main, and .library (None when there is none)."""

    def __init__(self, seed, cxx):
        self.random = random.Random(seed)
        self.cxx = cxx
        parts = ("main", "library") if self.random.random() < 0.5 else ("main",)
        self.functions = self.make_functions(parts)
        self.main = self.write_part("main")
        self.library = self.write_part("library") if len(parts) > 1 else None

    def make_functions(self, parts):
        kinds = ["plain"] * 5 + ["many", "variadic", "large", "float", "target", "target"]
        names = ["plain", "target", "target", "many"]
        names += [self.random.choice(kinds) for _ in range(self.random.randint(*FUNCTIONS))]
        names += ["handler"] * HANDLERS + ["callback"] * CALLBACKS
        return [Function(i, name, self.random.choice(parts)) for i, name in enumerate(names)]

    def of(self, *signatures):
        return [f for f in self.functions if f.signature in signatures]

    def callee(self):
        called = [f for f in self.functions if SIGNATURES[f.signature][1]]
        return self.random.choice(called)

    # What a function does; each returns lines.

    def do_call(self, f):
        divide = self.random.choice(("n - 1", "n - 1", "n / 2", "n > 2 ? n - 2 : 0"))
        other = f if self.random.random() < 0.15 and f.signature in ("plain", "many") \
            else self.callee()
        return ["if (call_may(n)) {", f"    sum += {other.call(divide)};", "    CALL_BACK(mark);",
                "}"]

    def do_loop(self, f):
        return [f"for (unsigned i = 0; i < {self.random.randint(2, 3)}; i++) {{",
                *("    " + line for line in self.do_call(f)), "}"]

    def do_pointer(self, f):
        others = self.random.sample(self.of("plain", "target"), 2)
        return [f"int (*volatile pointer)(unsigned) = n % 2 ? {others[0].name} : {others[1].name};",
                "if (call_may(n)) {", "    sum += pointer(n - 1);", "    CALL_BACK(mark);", "}"]

    def do_look(self, _):
        return [f"call_look({self.random.randint(0, 99)});"]

    def do_allocate(self, _):
        size = self.random.randint(1, 90)
        return [f"void *block = malloc({size});", "TOUCH(block);", "free(block);"]

    def do_print(self, _):
        return ["char text[64];", 'sum += snprintf(text, sizeof text, "%u %f", n, n / 3.0);',
                "TOUCH(text);"]

    def do_signal(self, _):
        how = self.random.choice(("raise(SIGUSR1)", "raise(SIGUSR2)",
                                  '__asm__ volatile("int3" ::: "memory")'))
        return ["if (call_log_now->aside < ASIDE_MOST && call_random(3) == 0) {", f"    {how};",
                "    CALL_BACK(mark);", "}"]

    def do_callback(self, _):
        order = self.random.choice(self.of("callback"))
        return ["int values[] = {4, 1, 3, 2};", "if (call_log_now->aside < ASIDE_MOST) {",
                f"    qsort(values, 4, sizeof values[0], {order.name});", "    CALL_BACK(mark);",
                "}", "sum += values[0];"]

    def do_coroutine(self, _):
        what = self.random.choice(("call_resume(n + 1)", "call_yield()"))
        return ["if (call_random(2) == 0) {", f"    {what};", "    CALL_BACK(mark);", "}"]

    def do_thread(self, _):
        return ["if (call_random(40) == 0) {", "    call_thread(n);", "    CALL_BACK(mark);", "}"]

    def do_setjmp(self, f):
        return ["if (call_log_now->jumps < JUMPS) {",
                "    volatile unsigned jump = call_log_now->jumps++;",
                "    volatile unsigned aside = call_log_now->aside;",
                "    if (sigsetjmp(call_log_now->jump[jump], 1) == 0) {",
                *("        " + line for line in self.do_call(f)),
                "    }", "    CALL_BACK(mark);", "    call_log_now->jumps = jump;",
                "    call_log_now->aside = aside;", "    call_look(n);", "}"]

    def do_longjmp(self, _):
        return ["if (call_log_now->jumps && call_random(3) == 0) {", "    call_counts.jumps++;",
                "    siglongjmp(call_log_now->jump[call_random(call_log_now->jumps)], 1);", "}"]

    def do_try(self, f):
        # Only who catches everything may be thrown to.
        again = ["    if (tries && call_random(3) == 0)", "        throw;"]
        handler = self.random.choice((
            ["catch (const Thrown &thrown) {", "    CALL_BACK(mark);",
             "    sum += (int)thrown.text.size();"],
            ["catch (int number) {", "    CALL_BACK(mark);", "    sum += number;", *again],
            ["catch (...) {", "    CALL_BACK(mark);", *again],
            ["catch (...) {", "    CALL_BACK(mark);"]))
        more = 1 if "..." in handler[0] else 0
        return ["{", "unsigned tries = call_log_now->tries;", "try {",
                f"    call_log_now->tries = tries + {more};",
                *("    " + line for line in self.do_call(f)), "    call_log_now->tries = tries;",
                "} " + handler[0], handler[1], "    call_log_now->tries = tries;", *handler[2:],
                "    call_look(n);", "}", "}"]

    def do_throw(self, _):
        what = self.random.choice(("Thrown(n)", "(int)n"))
        return ["if (call_log_now->tries && call_random(2) == 0) {", "    call_counts.throws++;",
                f"    throw {what};", "}"]

    def frame(self, f):
        """Declarations that make the frame what it is."""
        size = int(2 ** self.random.uniform(3, 12))
        huge = self.random.choice((20000, 70000))
        kinds = [
            [], [], [],
            [f"volatile char room[{size}];", f"room[n % {size}] = (char)n;", "sum += room[0];"],
            [f"char *room = (char *)alloca(n * {self.random.randint(1, 40)} + 8);",
             "memset(room, 1, n + 8);", "TOUCH(room);"],
            [f"_Alignas({self.random.choice((32, 64, 128))}) char room[{size}];",
             "room[0] = (char)n;", "TOUCH(room);"],
            ["_Alignas(64) char line[64];", "char *room = (char *)alloca(n + 32);",
             "line[0] = room[0] = 1;", "TOUCH(line);", "TOUCH(room);"],
        ]
        if not self.cxx:
            kinds.append([f"char room[n * {self.random.randint(1, 30)} + 1];", "room[n] = 1;",
                          "TOUCH(room);"])
        if self.random.random() < 0.08:
            return [f"volatile char room[{huge}];", "room[n] = 1;", "sum += room[n / 2];"]
        if f.signature == "target":
            # gcc's __builtin_dwarf_cfa is wrong in a frame that it realigns.
            kinds = [kind for kind in kinds if not any("_Alignas" in line for line in kind)]
        lines = self.random.choice(kinds)
        return [line.replace("_Alignas", "alignas") for line in lines] if self.cxx else lines

    def body(self, f):
        does = [self.do_call] * 5 + [self.do_loop, self.do_pointer, self.do_look, self.do_look,
                self.do_allocate, self.do_print, self.do_signal, self.do_callback,
                self.do_coroutine, self.do_thread]
        if self.cxx and f.signature not in ("handler", "callback"):
            does += [self.do_try] * 4 + [self.do_throw] * 2
        if not self.cxx:
            does += [self.do_setjmp, self.do_setjmp, self.do_longjmp, self.do_longjmp]
        lines = []
        for do in self.random.choices(does, k=self.random.randint(2, 5)):
            lines += ["{", *("    " + line for line in do(f)), "}"]
        return lines

    def write(self, f):
        enter = "CALL_ENTER_TARGET" if f.signature == "target" else "CALL_ENTER"
        lines = [f"FUNCTION({f.number}) {f.declaration()}", "{",
                 f"volatile unsigned mark = {enter}({f.number});", "volatile int sum = 0;"]
        if f.signature == "handler":
            lines += ["unsigned n = 1 + (unsigned)number % 4;", "call_counts.handlers++;"]
        elif f.signature == "callback":
            lines += ["unsigned n = call_random(4);", "call_counts.callbacks++;"]
        aside = f.signature in ("handler", "callback")
        if aside:
            lines += ["unsigned outer_tries = call_log_now->tries;", "call_log_now->aside++;",
                      "call_log_now->tries = 0;"]
        tail = f.signature == "target" and self.random.random() < 0.7
        if not tail:
            if self.cxx and not aside and self.random.random() < 0.4:
                lines.append("Guard guard(mark);")
            lines += self.frame(f)
            lines += self.body(f)
        else:
            lines = [line.replace("volatile ", "") for line in lines]
            lines += ["call_look(n);"]
            others = [t for t in self.of("target") if t is not f]
            lines += ["if (call_may(n)) {", "    CALL_TAIL(mark);",
                      f"    TAIL_CALL {self.random.choice(others).name}(n - 1);", "}"]
        if aside:
            lines += ["call_log_now->tries = outer_tries;", "call_log_now->aside--;",
                      "CALL_LEAVE(mark);", "(void)sum;"]
        ending = RETURNS.get(f.signature, "return sum + (int)n;")
        if ending:
            lines.append(ending.replace("{{", "{").replace("}}", "}"))
        return "\n    ".join(lines[:2] + lines[2:]) + "\n}\n"

    def write_part(self, part):
        out = ["#define CALL_LOG_MAIN"] if part == "main" else []
        out += ['#include "call_log.h"']
        if self.cxx:
            out += ["#include <string>",
                    "struct EXPORT Thrown { std::string text; "
                    "explicit Thrown(unsigned n) : text(n + 40, 't') {} };", 'extern "C" {']
        out += ["struct large { int v[12]; };"]
        out += [f"EXPORT {f.declaration()};" for f in self.functions]
        own = [f for f in self.functions if f.part == part]
        out += [self.write(f) for f in own]
        out += [f"extern const char __start_fn_{f.number}[], __stop_fn_{f.number}[];" for f in own]
        rows = ", ".join(f"{{__start_fn_{f.number}, __stop_fn_{f.number}, {f.number}}}"
                         for f in own)
        out += ["__attribute__((constructor)) static void ranges_tell(void)", "{",
                f"    static const struct call_range ranges[] = {{{rows}}};",
                "    call_ranges(ranges, sizeof ranges / sizeof ranges[0]);", "}"]
        if part == "main":
            out += self.write_tables()
        if self.cxx:
            out += ["}"]
        return "\n".join(out) + "\n"

    def write_tables(self):
        entries = ", ".join(f.name for f in self.of("plain", "target"))
        handlers = ", ".join(f.name for f in self.of("handler"))
        return [f"int (*const call_entries[])(unsigned) = {{{entries}}};",
                "const unsigned call_entry_count = sizeof call_entries / sizeof call_entries[0];",
                f"void (*const call_handlers[])(int) = {{{handlers}}};",
                "const unsigned call_handler_count = "
                "sizeof call_handlers / sizeof call_handlers[0];"]
