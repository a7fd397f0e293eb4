/*
 * The limits that budgets are read against: one cache line's way between two cores and back, and the cost of copying 64
 * bytes from one's own cache and from the other core's.
 *
 *   cache-line ROUND_TRIPS PASSES LINES STRIDE_BYTES CORE_A CORE_B
 *
 * Prints ns per round trip, of the quickest of ten runs of them, per local copy and per remote copy.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS 10

static _Alignas(128) _Atomic uint32_t turn;
static int round_trips, passes, lines, stride;
static int cores[2];
static char *cells;
static double round_trip_ns, local_ns, remote_ns;

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void pin(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void await(uint32_t value) {
    while (atomic_load(&turn) != value) {}
}

static int ascending(const void *a, const void *b) {
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

/* Copies every line into one private one, as the frame path copies into the cache it works in. */
static double copy_all_ns(uint32_t *into) {
    double before = now_ns();
    for (int l = 0; l < lines; l++) {
        memcpy(into, cells + (size_t)l * stride, 64);
        __asm__ volatile("" : : "r"(into) : "memory");
    }
    return (now_ns() - before) / lines;
}

static void *near_side(void *unused) {
    pin(cores[0]);
    uint32_t at = 0;
    await(1);
    for (int run = 0; run < RUNS; run++) {
        double before = now_ns();
        for (int i = 0; i < round_trips / RUNS; i++) {
            atomic_store(&turn, at += 2);
            await(at + 1);
        }
        double ns = (now_ns() - before) / (round_trips / RUNS);
        if (run == 0 || ns < round_trip_ns) round_trip_ns = ns;
    }
    double *remote = calloc(passes, sizeof *remote), *local = calloc(passes, sizeof *local);
    uint32_t private[16];
    for (int p = 0; p < passes; p++) {
        atomic_store(&turn, at += 2);
        await(at + 1);
        remote[p] = copy_all_ns(private);
        local[p] = copy_all_ns(private);
    }
    qsort(remote, passes, sizeof *remote, ascending);
    qsort(local, passes, sizeof *local, ascending);
    remote_ns = remote[passes / 2];
    local_ns = local[passes / 2];
    return unused;
}

static void *far_side(void *unused) {
    pin(cores[1]);
    uint32_t at = 0;
    atomic_store(&turn, 1);
    for (int i = 0; i < round_trips / RUNS * RUNS; i++) {
        await(at += 2);
        atomic_store(&turn, at + 1);
    }
    for (int p = 0; p < passes; p++) {
        await(at += 2);
        for (int l = 0; l < lines; l++) memset(cells + (size_t)l * stride, p, 64);
        atomic_store(&turn, at + 1);
    }
    return unused;
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    round_trips = atoi(argv[1]);
    passes = atoi(argv[2]);
    lines = atoi(argv[3]);
    stride = atoi(argv[4]);
    cores[0] = atoi(argv[5]);
    cores[1] = atoi(argv[6]);
    size_t bytes = ((size_t)lines * stride + 127) / 128 * 128;
    cells = aligned_alloc(128, bytes);
    memset(cells, 0, bytes);
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, near_side, NULL);
    pthread_create(&threads[1], NULL, far_side, NULL);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    printf("%.2f %.2f %.2f\n", round_trip_ns, local_ns, remote_ns);
    return 0;
}
