// Fills memory in a cgroup as fast as the machine can, and tells page by page when.
//   leak PROCS_FILE USAGE_FILE BYTES THREADS 4K|huge STAMPS_FILE|- CACHE_FILE|- CACHE_UP_TO_BYTES
// Enters the cgroup, fills it with page cache of CACHE_FILE up to that usage, prints the usage it begins at, and waits
// for a byte on standard input. Then each thread touches BYTES of its own, and stamps the time of each 4K into its part of
// STAMPS_FILE, which is memory of somebody else's. Of huge pages each 4K is touched as well: where there is no room for
// one of them any more, the kernel gives small ones.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define HUGE_PAGE (2 << 20)
#define BATCH_PAGES 64

static size_t bytes;
static int usage_fd;
static pthread_barrier_t start;

struct part { char *memory; uint64_t *stamps; };

static void *fill(void *argument) {
  struct part *part = argument;
  pthread_barrier_wait(&start);
  for (size_t at = 0, i = 0; at < bytes; at += PAGE, i++) {
    part->memory[at] = 1;
    if (!part->stamps) continue;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    part->stamps[i] = now.tv_sec * 1000000000ull + now.tv_nsec;
  }
  return NULL;
}

static void fail(const char *what) { perror(what); exit(2); }

static long long usage(void) {
  char text[32] = {0};
  if (pread(usage_fd, text, sizeof text - 1, 0) <= 0) fail("usage");
  return atoll(text);
}

static char *map(size_t size, int advice) {
  char *memory = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  memory = (char *)(((uintptr_t)memory + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
  madvise(memory, size, advice);
  return memory;
}

// Brings each CPU to the page after which its batch has 63 left, so that who counts pages knows when the next is charged.
static void align_batches(void) {
  cpu_set_t all, one;
  sched_getaffinity(0, sizeof all, &all);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &all)) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    char *memory = map(4 * BATCH_PAGES * PAGE, MADV_NOHUGEPAGE);
    memory[0] = 1; // its page table is charged with it
    long long before = usage();
    for (int page = 1; page < 4 * BATCH_PAGES && usage() < before + BATCH_PAGES / 2 * PAGE; page++) memory[page * PAGE] = 1;
  }
  sched_setaffinity(0, sizeof all, &all);
}

// A guard may drop the cache meanwhile: it must have come to stay.
static void fill_cache(const char *file, long long up_to) {
  static char buffer[1 << 16];
  int fd = open(file, O_RDONLY);
  if (fd < 0) fail(file);
  // What others have read of it is charged to them. No reading ahead: its large folios do not fit below a limit.
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
  for (int tries = 0, full = 0; tries < 20 && full < 3; tries++) {
    ssize_t count = 1;
    while (count > 0 && usage() < up_to) count = read(fd, buffer, sizeof buffer);
    if (count < 0) fail(file);
    if (count == 0) lseek(fd, 0, SEEK_SET);
    usleep(10000);
    full = usage() >= up_to ? full + 1 : 0;
  }
}

int main(int argc, char **argv) {
  if (argc != 9) return 2;
  bytes = strtoull(argv[3], NULL, 10);
  int threads = atoi(argv[4]);
  int advice = strcmp(argv[5], "huge") ? MADV_NOHUGEPAGE : MADV_HUGEPAGE;
  FILE *procs = fopen(argv[1], "w");
  if (!procs || fprintf(procs, "%d", getpid()) < 0 || fclose(procs)) fail(argv[1]);
  usage_fd = open(argv[2], O_RDONLY | O_CLOEXEC);
  if (usage_fd < 0) fail(argv[2]);

  // The bench may be preferred; a leak is not.
  setpriority(PRIO_PROCESS, 0, 0);

  size_t stamps_size = bytes / PAGE * sizeof(uint64_t);
  char *stamps = NULL;
  if (strcmp(argv[6], "-")) {
    int fd = open(argv[6], O_RDWR);
    if (fd < 0) fail(argv[6]);
    stamps = mmap(NULL, stamps_size * threads, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (stamps == MAP_FAILED) fail("mmap of the stamps");
  }
  pthread_barrier_init(&start, NULL, threads);
  struct part parts[64];
  pthread_t ids[64];
  for (int i = 0; i < threads; i++) {
    char *memory = map(bytes, advice);
    parts[i] = (struct part){memory, stamps ? (uint64_t *)(stamps + stamps_size * i) : NULL};
    if (i > 0 && pthread_create(&ids[i], NULL, fill, &parts[i])) fail("pthread_create");
  }
  if (strcmp(argv[7], "-")) fill_cache(argv[7], atoll(argv[8]));
  if (stamps) align_batches();
  printf("%lld\n", usage());
  fflush(stdout);
  char go;
  if (read(0, &go, 1) <= 0) return 2;
  fill(&parts[0]);
  for (int i = 1; i < threads; i++) pthread_join(ids[i], NULL);
  return 0;
}
