/*
 * The peer of src/memory/id-ring.ts: a plain C11 single-producer, single-consumer ring of 32-bit ids between two pinned
 * threads. Indices are published once a batch and the far index is cached, as there.
 *
 *   ring ids|frames BATCH COUNT CAPACITY STRIDE_BYTES CORE_A CORE_B
 *
 * With `frames`, the producer copies 64 bytes into the cell that belongs to the id and the consumer sums them up.
 * Prints ids per second, and the share of the round in which a thread was runnable without a core.
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

#define FRAME_WORDS 16
#define FAR 128

struct ring {
    _Alignas(FAR) _Atomic uint32_t tail;
    _Alignas(FAR) _Atomic uint32_t head;
    _Alignas(FAR) uint32_t slots[];
};

static struct ring *ring;
static char *cells;
static int frames;
static uint32_t batch, count, capacity, stride;
static int cores[2];
static _Atomic int arrived;
static double started_ns[2], ended_ns[2];
static double wait_ns[2];

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

/* Second field of schedstat: time spent runnable without a core. */
static double waited_ns(void) {
    unsigned long long run = 0, wait = 0;
    FILE *f = fopen("/proc/thread-self/schedstat", "r");
    if (f == NULL) return 0;
    if (fscanf(f, "%llu %llu", &run, &wait) != 2) wait = 0;
    fclose(f);
    return (double)wait;
}

static void begin(int side) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cores[side], &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    wait_ns[side] = waited_ns();
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < 2) {}
    started_ns[side] = now_ns();
}

static void end(int side) {
    ended_ns[side] = now_ns();
    wait_ns[side] = waited_ns() - wait_ns[side];
}

static void *produce(void *unused) {
    uint32_t frame[FRAME_WORDS];
    for (uint32_t w = 0; w < FRAME_WORDS; w++) frame[w] = w * 0x01010101u;
    begin(0);
    uint32_t tail = 0, head = 0, mask = capacity - 1;
    while (tail < count) {
        if (capacity - (tail - head) < batch) {
            head = atomic_load_explicit(&ring->head, memory_order_acquire);
            continue;
        }
        for (uint32_t i = 0; i < batch; i++, tail++) {
            if (frames) {
                frame[0] = tail;
                memcpy(cells + (size_t)(tail & mask) * stride, frame, sizeof frame);
            }
            ring->slots[tail & mask] = tail;
        }
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
    end(0);
    return unused;
}

static void *consume(void *sum_out) {
    uint32_t sum = 0;
    begin(1);
    uint32_t tail = 0, head = 0, mask = capacity - 1;
    while (head < count) {
        uint32_t ready = tail - head;
        if (ready == 0) {
            tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
            continue;
        }
        if (ready > batch) ready = batch;
        for (uint32_t i = 0; i < ready; i++, head++) {
            uint32_t id = ring->slots[head & mask];
            if (frames) {
                const uint32_t *cell = (const uint32_t *)(cells + (size_t)(id & mask) * stride);
                for (int w = 0; w < FRAME_WORDS; w++) sum += cell[w];
            } else {
                sum += id;
            }
        }
        atomic_store_explicit(&ring->head, head, memory_order_release);
    }
    end(1);
    *(uint32_t *)sum_out = sum;
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    frames = strcmp(argv[1], "frames") == 0;
    batch = atoi(argv[2]);
    count = atoi(argv[3]) / batch * batch;
    capacity = atoi(argv[4]);
    stride = atoi(argv[5]);
    cores[0] = atoi(argv[6]);
    cores[1] = atoi(argv[7]);
    ring = aligned_alloc(FAR, (sizeof *ring + capacity * 4 + FAR - 1) / FAR * FAR);
    memset(ring, 0, sizeof *ring + capacity * 4);
    size_t bytes = ((size_t)capacity * stride + FAR - 1) / FAR * FAR;
    cells = aligned_alloc(FAR, bytes);
    memset(cells, 0, bytes);

    uint32_t sum = 0;
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, produce, NULL);
    pthread_create(&threads[1], NULL, consume, &sum);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);

    uint32_t expected = (uint32_t)((uint64_t)count * (count - 1) / 2);
    for (uint32_t w = 1; frames && w < FRAME_WORDS; w++) expected += count * (w * 0x01010101u);
    if (sum != expected) {
        fprintf(stderr, "ids lost: sum %u, expected %u\n", sum, expected);
        return 1;
    }
    double start = started_ns[0] < started_ns[1] ? started_ns[0] : started_ns[1];
    double elapsed = ended_ns[1] - start;
    printf("%.0f %.4f\n", count / elapsed * 1e9, (wait_ns[0] + wait_ns[1]) / 2 / elapsed);
    return 0;
}
