/* SPDX-License-Identifier: MIT */
/*
 * A detached thread's lambda captures a raw pointer that it was to delete. The closure lives in a
 * block of the library's and goes with the thread; what it pointed to stays.
 *
 * expect: unreachable memory 2 "new_request < start < main" bytes=176
 */
#include <atomic>
#include <cstdio>
#include <thread>

#include "../leaks.h"

struct request {
    int number;
    char text[84];
};

static std::atomic<int> served;

NOINLINE static request *new_request(int number)
{
    return new request{number, "GET /"};
}

NOINLINE static void start(int number)
{
    request *made = new_request(number);

    std::thread([made] {
        int done = made->number;

        if (IS_FIXED)
            delete made;
        served += done;
    }).detach();
}

int main()
{
    start(1);
    start(2);
    while (served < 3)
        std::this_thread::yield();
    /* Their own closures are freed after they have said that they are done. */
    await_other_threads();
    std::printf("served\n");
    return 0;
}
