/*
 * The peer of src/memory/doorbell.ts: two threads wake each other in turn, each asleep on a futex of its own.
 *
 *   wake COUNT CORE_CALLER CORE_ANSWERER
 *
 * Of the calls that found the other asleep: median and 99th percentile of the time from before the wake to the
 * sleeper's first instruction, and the median cost of the wake for its caller, in ns.
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

struct bell {
    _Alignas(128) _Atomic uint32_t word;
};

static struct bell caller_bell, answerer_bell;
static _Alignas(128) _Atomic int calls;
static _Atomic int answers;
static double answered_ns;
static int count, caller_core, answerer_core;

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

static int ring(struct bell *bell) {
    uint32_t parked = PARKED;
    if (!atomic_compare_exchange_strong(&bell->word, &parked, AWAKE)) return 0;
    syscall(SYS_futex, &bell->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    return 1;
}

static void await(struct bell *bell, _Atomic int *counter, int value) {
    atomic_store(&bell->word, PARKED);
    while (atomic_load(counter) != value) {
        syscall(SYS_futex, &bell->word, FUTEX_WAIT_PRIVATE, PARKED, NULL, NULL, 0);
        atomic_store(&bell->word, PARKED);
    }
}

static void *answerer(void *unused) {
    pin(answerer_core);
    for (int call = 1; call <= count; call++) {
        await(&answerer_bell, &calls, call);
        answered_ns = now_ns();
        atomic_store(&answerer_bell.word, AWAKE);
        atomic_store(&answers, call);
        ring(&caller_bell);
    }
    return unused;
}

static int ascending(const void *a, const void *b) {
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    count = atoi(argv[1]);
    caller_core = atoi(argv[2]);
    answerer_core = atoi(argv[3]);
    double *latency = calloc(count, sizeof *latency), *cost = calloc(count, sizeof *cost);
    int found = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, answerer, NULL);
    pin(caller_core);
    for (int call = 1; call <= count; call++) {
        double before = now_ns();
        atomic_store(&calls, call);
        int slept = ring(&answerer_bell);
        double after = now_ns();
        await(&caller_bell, &answers, call);
        atomic_store(&caller_bell.word, AWAKE);
        if (!slept) continue;
        latency[found] = answered_ns - before;
        cost[found++] = after - before;
    }
    pthread_join(thread, NULL);
    if (found == 0) return 3;
    qsort(latency, found, sizeof *latency, ascending);
    qsort(cost, found, sizeof *cost, ascending);
    printf("%.0f %.0f %.0f\n", latency[found / 2], latency[found * 99 / 100], cost[found / 2]);
    return 0;
}
