#include <stdint.h>
void roots_scan(void (*each)(uintptr_t low, uintptr_t high, void *arg),void *arg);
