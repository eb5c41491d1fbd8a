/* SPDX-License-Identifier: MIT */
/* Sampling: the two series against libm, the draw's distribution, and that what is
 * drawn, weighed, gives the totals back. Random numbers are fixed, so that nothing
 * here fails by chance, but for one test that is interrupted by a clock. hazard: E15 */
#include "tests/unit/tracker/unit.h"

#include <math.h>
#include <signal.h>
#include <sys/time.h>

#include "preload/ground/sample.h"

enum { DRAWS = 200000, BINS = 20, ROUNDS = 400, BLOCKS = 2000 };
#define MEAN (UINT64_C(512) << 10)
/* Of chi-square with BINS - 1 degrees of freedom: above it once in a thousand. */
#define CHI_SQUARE_MOST 43.82
#define SIGMAS          3.0

static void the_distance_is_the_logarithm(void **state)
{
    double worst = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t random = i * UINT64_C(0x9e3779b97f4a7c15);
        double u = (double)((random >> 11) + 1) / 0x1p53;
        double expected = -log(u) * 0x1p50;
        worst = fmax(worst, fabs((double)sample_distance(random, UINT64_C(1) << 50) - expected) /
                                (expected + 1));
    }
    assert_true(worst < 1e-7);
}

static void at_its_ends_too(void **state)
{
    uint64_t mean = UINT64_C(1) << 50;
    assert_int_equal(sample_distance(UINT64_MAX, mean), 1);
    assert_true(fabs((double)sample_distance(0, mean) / (53 * M_LN2 * (double)mean) - 1) < 1e-7);
    assert_true(sample_distance(0, SAMPLE_MEAN_MOST) < INT64_MAX);
    /* Just below one: there the logarithm is as small as what is left of it. */
    for (uint64_t n = 1; n < UINT64_C(1) << 40; n *= 3) {
        double expected = -log1p(-(double)n / 0x1p53) * 0x1p56;
        double distance = (double)sample_distance(UINT64_MAX - (n << 11), SAMPLE_MEAN_MOST);
        assert_true(fabs(distance - expected) < expected * 1e-7 + 1);
    }
}

static void the_probability_is_the_exponential(void **state)
{
    for (uint64_t bytes = 0; bytes < MEAN; bytes += 1 + bytes / 100) {
        double expected = -expm1(-((double)bytes + 1) / (double)MEAN);
        assert_true(fabs(sample_probability(bytes, MEAN) / expected - 1) < 1e-9);
    }
    assert_true(fabs(sample_probability(0, 1) / -expm1(-1) - 1) < 1e-9);
}

/* The distances between the points that fell, as the hooks meet them: blocks of no
 * bytes, which are one byte each. */
static uint64_t next_distance(uint64_t bytes)
{
    uint64_t gone = bytes + 1;
    while (sample_passes(bytes) || sample_decide(bytes) == SAMPLE_PASSED)
        gone += bytes + 1;
    return gone;
}

static void begin(uint64_t mean, uint64_t seed)
{
    sample_begin(mean);
    sample_seed(seed);
}

static void the_distances_have_the_mean(void **state)
{
    double sum = 0, mean = 64;
    begin(64, 1);
    for (int i = 0; i < DRAWS; i++)
        sum += (double)next_distance(0);
    /* Rounded up, an exponential is geometric: its mean is 1 / p. */
    double p = -expm1(-1 / mean), sigma = sqrt(1 - p) / p / sqrt(DRAWS);
    assert_true(fabs(sum / DRAWS - 1 / p) < SIGMAS * sigma);
}

/* Whatever the block's size: how many are met until one is drawn is geometric with
 * that size's p. Bins of the same probability, as far as whole numbers allow. */
static double chi_square(uint64_t bytes, uint64_t mean, int draws)
{
    double p = sample_probability(bytes, mean), chi = 0;
    uint64_t seen[BINS] = {0};
    double upto[BINS];
    for (int i = 0; i < BINS; i++)
        upto[i] = i + 1 < BINS ? floor(log1p(-(i + 1.0) / BINS) / log1p(-p)) : INFINITY;
    for (int i = 0; i < draws; i++) {
        double blocks = (double)(next_distance(bytes) / (bytes + 1));
        int bin = 0;
        while (blocks > upto[bin])
            bin++;
        seen[bin]++;
    }
    for (int i = 0; i < BINS; i++) {
        double below = i ? -expm1(upto[i - 1] * log1p(-p)) : 0;
        double share = (i + 1 < BINS ? -expm1(upto[i] * log1p(-p)) : 1) - below;
        double expected = share * draws;
        chi += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    return chi;
}

static void no_size_remembers_the_last_point(void **state)
{
    static const uint64_t sizes[] = {0, 16, 40, 100};
    begin(1 << 13, 7);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_true(chi_square(sizes[i], 1 << 13, DRAWS / 10) < CHI_SQUARE_MOST);
}

static void a_block_of_the_mean_is_always_recorded_and_takes_no_point(void **state)
{
    begin(4096, 3);
    int64_t left = self.sample_left;
    assert_false(sample_passes(4096));
    assert_int_equal(sample_decide(4096), SAMPLE_ALWAYS);
    assert_false(sample_passes(SIZE_MAX));
    assert_int_equal(sample_decide(SIZE_MAX), SAMPLE_ALWAYS);
    assert_int_equal(self.sample_left, left);
}

/* Many runs that each acquire the same blocks, every one by a new thread: the first
 * draw must be as good as the others. */
static void weighed_the_totals_come_back(void **state)
{
    static const uint64_t sizes[] = {1, 48, 500, 3000, 9000};
    const size_t count = sizeof sizes / sizeof *sizes;
    double total = 0, variance = 0, blocks = 0, blocks_variance = 0, truth = 0;
    int covered = 0;
    for (size_t i = 0; i < BLOCKS; i++)
        truth += (double)sizes[i % count];
    sample_begin(10000);
    for (int round = 0; round < ROUNDS; round++) {
        double bytes = 0, of_run = 0;
        sample_seed((uint64_t)round);
        for (size_t i = 0; i < BLOCKS; i++) {
            uint64_t s = sizes[i % count];
            if (sample_passes(s) || sample_decide(s) != SAMPLE_DRAWN)
                continue;
            double p = sample_probability(s, 10000);
            bytes += (double)s / p;
            blocks += 1 / p;
            of_run += (double)s * (double)s * (1 - p) / p / p;
            blocks_variance += (1 - p) / p / p;
        }
        total += bytes;
        variance += of_run;
        covered += fabs(bytes - truth) < 2 * sqrt(of_run);
    }
    assert_true(fabs(total - truth * ROUNDS) < SIGMAS * sqrt(variance));
    assert_true(fabs(blocks - (double)BLOCKS * ROUNDS) < SIGMAS * sqrt(blocks_variance));
    /* Two sigmas are 95.4 %; sigma itself is an estimate. */
    assert_in_range(covered, ROUNDS * 91 / 100, ROUNDS * 98 / 100);
}

static void *first_distance(void *ret_distance)
{
    *(uint64_t *)ret_distance = next_distance(0);
    return NULL;
}

/* Seeded by the thread itself, so by chance: only that they are not alike. */
static void threads_and_fork_children_draw_their_own(void **state)
{
    uint64_t distances[THREADS_MAX] = {0};
    sample_begin(UINT64_C(1) << 20);
    for (int i = 0; i < THREADS_MAX; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, first_distance, &distances[i]), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    int alike = 0;
    for (int i = 1; i < THREADS_MAX; i++)
        alike += distances[i] == distances[i - 1];
    assert_true(alike <= 1);
    next_distance(0);
    uint64_t random = self.sample_random;
    sample_forked();
    next_distance(0);
    assert_true(self.sample_random != random && self.sample_random != 0);
}

/* ---- a handler that allocates between the lines ---- */

static volatile sig_atomic_t ticks;
static volatile uint64_t met_by_handler, drawn_by_handler;

static uint64_t judge_many(int blocks)
{
    uint64_t drawn = 0;
    for (int i = 0; i < blocks; i++)
        drawn += !sample_passes(99) && sample_decide(99) == SAMPLE_DRAWN;
    return drawn;
}

static void on_tick(int signal)
{
    (void)signal;
    ticks = ticks + 1;
    drawn_by_handler += judge_many(1000);
    met_by_handler += 1000;
}

/* Whatever is lost or drawn twice: neither the interrupted nor the handler gets more
 * points than its share, and the next one is never out of reach. hazard: B4 */
static void a_handler_takes_no_share_away(void **state)
{
    const double mean = 10000, p = sample_probability(99, 10000);
    const struct sigaction action = {.sa_handler = on_tick};
    const struct itimerval fast = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    double met = 0, drawn = 0;
    begin(10000, 11);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &fast, NULL);
    while (ticks < 500) {
        drawn += (double)judge_many(10000);
        met += 10000;
        assert_true((double)self.sample_left < 37 * mean);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    double handler_met = (double)met_by_handler, handler_drawn = (double)drawn_by_handler;
    assert_true(fabs(drawn - met * p) < 5 * sqrt(met * p));
    /* One that interrupts a draw of the other's may draw once more (2 % measured). */
    assert_true(fabs(handler_drawn - handler_met * p) < 5 * sqrt(handler_met * p) + ticks);
}

static void stopped_nothing_is_drawn(void **state)
{
    sample_begin(100);
    sample_stop();
    self.sample_left = 0;
    self.sample_random = 0;
    for (int i = 0; i < DRAWS; i++)
        assert_true(sample_passes(1000) || sample_decide(1000) == SAMPLE_PASSED);
    assert_int_equal(sample_bytes(), 100);
    sample_begin(0);
    assert_false(sample_passes(0));
    assert_int_equal(sample_decide(0), SAMPLE_ALWAYS);
    sample_begin(UINT64_MAX);
    assert_int_equal(sample_bytes(), SAMPLE_MEAN_MOST);
    sample_begin(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_distance_is_the_logarithm),
        cmocka_unit_test(at_its_ends_too),
        cmocka_unit_test(the_probability_is_the_exponential),
        cmocka_unit_test(the_distances_have_the_mean),
        cmocka_unit_test(no_size_remembers_the_last_point),
        cmocka_unit_test(a_block_of_the_mean_is_always_recorded_and_takes_no_point),
        cmocka_unit_test(weighed_the_totals_come_back),
        cmocka_unit_test(threads_and_fork_children_draw_their_own),
        cmocka_unit_test(a_handler_takes_no_share_away),
        cmocka_unit_test(stopped_nothing_is_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
