// Fills cgroups with processes, all on one CPU, and then runs one of them out of memory.
//   crowd CPU PROCS_FILE,MEGABYTES,ADJ,THREADS...
// 0 threads: one that touches every 512th page only, so that half of its memory is page tables.
// Says the pids in the order of the arguments once all are full. A line "BYTES PROCS_FILE" on standard input has a
// further process enter that cgroup and write so much that belongs to no process: it stays in a memory file. From then on
// it says the pid of each process that dies. SIGTERM ends all of them, and then it.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

static pid_t pids[MOST];
static int count = 0;

static void end(int signal) {
  (void)signal;
  for (int i = 0; i < count; i++) if (pids[i] > 0) kill(pids[i], SIGKILL);
  while (wait(NULL) > 0);
  _exit(0);
}

// The handler is this process's own: it would have a child end its siblings.
static pid_t fork_child(void) {
  sigset_t term, before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, &before);
  pid_t pid = fork();
  if (pid == 0) signal(SIGTERM, SIG_DFL);
  else pids[count++] = pid;
  sigprocmask(SIG_SETMASK, &before, NULL);
  return pid;
}

static void fail(const char *what) {
  perror(what);
  _exit(2);
}

static int write_number(const char *path, long number) {
  FILE *file = fopen(path, "w");
  return file && fprintf(file, "%ld", number) > 0 && fclose(file) == 0;
}

static void enter(const char *procs) {
  if (!write_number(procs, getpid())) fail(procs);
}

struct part { char *from; size_t size; };

static void *touch(void *argument) {
  struct part *part = argument;
  for (size_t at = 0; at < part->size; at += 4096) part->from[at] = 1;
  return NULL;
}

static void *touch_and_stay(void *argument) {
  touch(argument);
  for (;;) pause();
  return NULL;
}

// Small pages only: a huge one would make sizes jump.
static void fill(size_t size, int threads) {
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  madvise(memory, size, MADV_NOHUGEPAGE);
  static struct part parts[MOST];
  size_t part_size = size / threads / 4096 * 4096;
  for (int i = 0; i < threads; i++) {
    parts[i] = (struct part){memory + part_size * i, part_size};
    pthread_t id;
    if (i > 0 && pthread_create(&id, NULL, touch_and_stay, &parts[i])) fail("pthread_create");
  }
  touch(&parts[0]);
  for (int i = 1; i < threads; i++) {
    volatile char *last = parts[i].from + parts[i].size - 4096;
    while (!*last) usleep(1000);
  }
}

static void fill_with_tables(size_t size) {
  size_t pages = size / 4096 / 2, step = 512 * 4096;
  char *memory = mmap(NULL, pages * step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  madvise(memory, pages * step, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < pages; i++) memory[i * step] = 1;
}

static void become_member(char *what, int ready) {
  char procs[4096];
  long megabytes, adj;
  int threads;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (sscanf(what, "%4095[^,],%ld,%ld,%d", procs, &megabytes, &adj, &threads) != 4) fail(what);
  if (!write_number("/proc/self/oom_score_adj", adj)) fail("oom_score_adj");
  enter(procs);
  if (threads) fill((size_t)megabytes << 20, threads);
  else fill_with_tables((size_t)megabytes << 20);
  if (write(ready, "r", 1) != 1) fail("ready");
  for (;;) pause();
}

static void become_trigger(const char *procs, long bytes) {
  static char chunk[16384];
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // So that it is no candidate itself. Who may not is among processes at 0 and more, each far larger.
  write_number("/proc/self/oom_score_adj", -1000);
  enter(procs);
  int file = memfd_create("crowd", 0);
  // Refused where the victim's memory is on its way back (seen on 7.2): again.
  for (long written = 0; written < bytes;) {
    ssize_t done = write(file, chunk, sizeof chunk);
    if (done > 0) written += done;
  }
  for (;;) pause();
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > MOST) return 2;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(atoi(argv[1]), &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus)) fail("sched_setaffinity");
  int ready[2];
  if (pipe(ready)) fail("pipe");
  int members = argc - 2;
  signal(SIGTERM, end);
  for (int i = 0; i < members; i++) if (fork_child() == 0) become_member(argv[i + 2], ready[1]);
  char byte;
  close(ready[1]);
  for (int i = 0; i < members; i++) if (read(ready[0], &byte, 1) != 1) return 2;
  for (int i = 0; i < members; i++) printf("%d%c", pids[i], i + 1 < members ? ' ' : '\n');
  fflush(stdout);
  long bytes;
  char procs[4096];
  if (scanf("%ld %4095s", &bytes, procs) != 2) return 2;
  if (fork_child() == 0) become_trigger(procs, bytes);
  for (pid_t dead; (dead = wait(NULL)) > 0;) {
    for (int i = 0; i < count; i++) if (pids[i] == dead) pids[i] = 0;
    printf("%d\n", dead);
    fflush(stdout);
  }
  return 0;
}
