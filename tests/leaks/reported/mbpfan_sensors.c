/* SPDX-License-Identifier: MIT */
/*
 * Sensors are looked for under a list of paths; the pieces that each path is put together from are
 * freed, but for the first one.
 *
 * seen: linux-on-mac/mbpfan#105 retrieve_sensors() lost the beginning of the path
 * expect: unreachable memory 1 "find_folder < find_sensors < main" bytes=51
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

NOINLINE static char *find_folder(void)
{
    char *folder = malloc(51);

    if (folder)
        strcpy(folder, "/sys/devices/platform/sensor.0/hwmon/none/temp");
    return folder;
}

NOINLINE static int find_sensors(void)
{
    char *begin = find_folder();
    int found = 0;

    for (int number = 0; begin && number < 10; number++) {
        char *path = NULL;
        FILE *file;

        if (asprintf(&path, "%s%d_input", begin, number) < 0)
            break;
        file = fopen(path, "re");
        free(path);
        if (file) {
            found++;
            fclose(file);
        }
    }
    if (IS_FIXED)
        free(begin);
    return found;
}

int main(void)
{
    printf("%d\n", find_sensors());
    return 0;
}
