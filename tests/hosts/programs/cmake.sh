# SPDX-License-Identifier: MIT
# A project of a library and two programs: configured, built, changed, tested.
cat > CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.10)
project(small C CXX)
enable_testing()
add_library(part STATIC part.c)
foreach(name one two)
  add_executable(${name} ${name}.cpp)
  target_link_libraries(${name} part)
  add_test(NAME ${name} COMMAND ${name})
endforeach()
END
echo 'int part(int x) { return x + 1; }' > part.c
for name in one two; do
    printf 'extern "C" int part(int);\n#include <cstdio>\nint main() { std::printf("%%d\\n", part(%d)); }\n' ${#name} > $name.cpp
done
cmake -S . -B build -G 'Unix Makefiles' > log 2>&1; echo "configured $?"
cmake --build build -j2 > log 2>&1; echo "built $?"
build/one; build/two; sleep 0.01; echo '// more' >> part.c
cmake --build build > log 2>&1; echo "again $?"
(cd build && ctest -j2 2>&1 | grep -o '100% tests passed.*')
cmake -E sha256sum part.c; cmake -S nowhere -B other > log 2>&1; echo "status $?"
rm -rf build other log
