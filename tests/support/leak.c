// Uses memory in a cgroup the way leaking programs do, as fast as the machine can.
//   leak PROCS_FILE SIZE_MB [threads=N] [huge] [shm=FILE] [forks=N] [hold] [rate=MB_PER_S] [adj=N] [name=NAME]
// Enters the cgroup by writing itself to PROCS_FILE, waits for a byte on standard input if "wait" is given, then touches
// SIZE_MB in all, page by page. "hold" sleeps afterwards instead of leaving.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long rate_mb = 0;

struct part { char *from; size_t size; size_t step; };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

// Time in which the whole machine stood still is not made up for: that would be a leak at full speed.
static void pace(size_t done, double *start) {
  if (!rate_mb) return;
  double want = (double)done / (rate_mb * 1048576.0);
  double is = seconds() - *start;
  if (want > is) usleep((want - is) * 1e6);
  else *start += is - want;
}

static void *touch(void *argument) {
  struct part *part = argument;
  double start = seconds();
  for (size_t at = 0; at < part->size; at += part->step) {
    part->from[at] = 1;
    if ((at & 0x3fff) == 0) pace(at, &start);
  }
  return NULL;
}

static void fill(size_t size, int threads, int huge, const char *shm) {
  char *memory;
  if (shm) {
    int fd = open(shm, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, size)) { perror(shm); exit(2); }
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  } else {
    memory = mmap(NULL, size + (2 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  if (memory == MAP_FAILED) { perror("mmap"); exit(2); }
  if (!shm) {
    memory = (char *)(((size_t)memory + (2 << 20) - 1) & ~(size_t)((2 << 20) - 1));
    madvise(memory, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  }
  pthread_t ids[64];
  struct part parts[64];
  for (int i = 0; i < threads; i++) {
    parts[i] = (struct part){memory + size / threads * i, size / threads, 4096};
    if (i > 0) pthread_create(&ids[i], NULL, touch, &parts[i]);
  }
  touch(&parts[0]);
  for (int i = 1; i < threads; i++) pthread_join(ids[i], NULL);
}

int main(int argc, char **argv) {
  int threads = 1, huge = 0, forks = 0, hold = 0, wait_go = 0;
  const char *shm = NULL;
  if (argc < 3) return 2;
  size_t size = strtoull(argv[2], NULL, 10) << 20;
  for (int i = 3; i < argc; i++) {
    if (!strncmp(argv[i], "threads=", 8)) threads = atoi(argv[i] + 8);
    else if (!strcmp(argv[i], "huge")) huge = 1;
    else if (!strncmp(argv[i], "shm=", 4)) shm = argv[i] + 4;
    else if (!strncmp(argv[i], "forks=", 6)) forks = atoi(argv[i] + 6);
    else if (!strcmp(argv[i], "hold")) hold = 1;
    else if (!strcmp(argv[i], "wait")) wait_go = 1;
    else if (!strncmp(argv[i], "rate=", 5)) rate_mb = atol(argv[i] + 5);
    else if (!strncmp(argv[i], "name=", 5)) prctl(PR_SET_NAME, argv[i] + 5);
    else if (!strncmp(argv[i], "adj=", 4)) {
      FILE *file = fopen("/proc/self/oom_score_adj", "w");
      if (!file || fputs(argv[i] + 4, file) < 0 || fclose(file)) { perror("oom_score_adj"); return 2; }
    } else { fprintf(stderr, "unknown argument %s\n", argv[i]); return 2; }
  }
  if (strcmp(argv[1], "-")) {
    FILE *procs = fopen(argv[1], "w");
    if (!procs || fprintf(procs, "%d", getpid()) < 0 || fclose(procs)) { perror(argv[1]); return 2; }
  }
  printf("%d\n", getpid());
  fflush(stdout);
  char go;
  if (wait_go && read(0, &go, 1) < 0) return 2;
  // The children start together, when the last one is there and the pipe's only writer closes it.
  int gate[2];
  if (pipe(gate)) return 2;
  for (int i = 0; i < forks; i++) {
    if (fork() == 0) {
      close(gate[1]);
      if (read(gate[0], &go, 1) < 0) return 2;
      fill(size / (forks + 1), threads, huge, shm);
      for (;;) pause();
    }
  }
  close(gate[1]);
  fill(size / (forks + 1), threads, huge, shm);
  if (hold || forks) for (;;) pause();
  return 0;
}
