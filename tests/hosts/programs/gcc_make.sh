# SPDX-License-Identifier: MIT
# The whole compiler driver chain under make -j2: libraries, LTO, C++ with exceptions.
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
for p in one two; do
    cat > $p.c <<C
#include <stdio.h>
int part2(int);
int main(void) { printf("$p %d\\n", part2(21)); return 0; }
C
done
make -j2 -Otarget CC=gcc 2>&1 | sort; make -j2 CC=gcc | tail -2
gcc -O2 -flto=2 one.c part2.c -o lto && ./lto
echo 'int broken(' > broken.c; gcc -c broken.c; echo "status $?"; g++ -x c++ - -o cpp <<'C' && ./cpp
#include <iostream>
#include <vector>
#include <stdexcept>
int main() { std::vector<int> v(1000, 7);
    try { v.at(5000); } catch (const std::out_of_range &) { std::cout << "thrown\n"; } }
C
