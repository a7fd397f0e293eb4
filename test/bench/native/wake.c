/*
 * The peer of src/memory/doorbell.ts: one thread sleeps on a futex, another wakes it every GAP_US microseconds.
 *
 *   wake COUNT GAP_US CORE_CALLER CORE_SLEEPER
 *
 * Prints median and 99th percentile of the time from before the wake to the sleeper's first instruction, and the median
 * cost of the wake for its caller, in ns.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { AWAKE = 0, PARKED = 1 };

static _Alignas(128) _Atomic uint32_t word;
static _Alignas(128) _Atomic int woken;
static _Atomic int stop;
static double woken_ns;
static int count, gap_us, caller_core, sleeper_core;

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

static void *sleeper(void *unused) {
    pin(sleeper_core);
    while (!atomic_load(&stop)) {
        atomic_store(&word, PARKED);
        while (atomic_load(&word) == PARKED) syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, PARKED, NULL, NULL, 0);
        woken_ns = now_ns();
        atomic_fetch_add(&woken, 1);
    }
    return unused;
}

static int ascending(const void *a, const void *b) {
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    count = atoi(argv[1]);
    gap_us = atoi(argv[2]);
    caller_core = atoi(argv[3]);
    sleeper_core = atoi(argv[4]);
    double *latency = calloc(count, sizeof *latency), *cost = calloc(count, sizeof *cost);
    struct timespec gap = {0, gap_us * 1000L};
    pthread_t thread;
    pthread_create(&thread, NULL, sleeper, NULL);
    pin(caller_core);
    for (int i = 0; i < count; i++) {
        do nanosleep(&gap, NULL);
        while (atomic_load(&word) != PARKED);
        int expected = atomic_load(&woken) + 1;
        if (i == count - 1) atomic_store(&stop, 1);
        double before = now_ns();
        atomic_store(&word, AWAKE);
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        double after = now_ns();
        while (atomic_load(&woken) != expected) nanosleep(&gap, NULL);
        latency[i] = woken_ns - before;
        cost[i] = after - before;
    }
    pthread_join(thread, NULL);
    qsort(latency, count, sizeof *latency, ascending);
    qsort(cost, count, sizeof *cost, ascending);
    printf("%.0f %.0f %.0f\n", latency[count / 2], latency[count * 99 / 100], cost[count / 2]);
    return 0;
}
